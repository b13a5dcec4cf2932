#!/usr/bin/env bats
# Each tool with its Nth call failing, for every N: never a crash, never status 0 without the whole output.

load ../bats/common
load ../bats/contract
load ../bats/faults

setup() { faults_setup; }

@test "memory runs out, once, somewhere" { faults_all malloc 0; }
@test "a read fails, once, somewhere" { faults_all read 0; }
@test "a write fails, once, somewhere" { faults_all write 0; }
@test "a write takes half, once, somewhere" { faults_all short 0; }
@test "an open fails, once, somewhere" { faults_all open 0; }
@test "a close fails, once, somewhere" { faults_all close 0; }
@test "an fsync fails, once, somewhere" { faults_all fsync 0; }
@test "a rename fails, once, somewhere" { faults_all rename 0; }
@test "a mkdir fails, once, somewhere" { faults_all mkdir 0; }
