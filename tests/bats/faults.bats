#!/usr/bin/env bats
# Each tool with its Nth call failing, a sample of N: never a crash, never status 0 without the whole output. The whole
# hunt is tests/torture/faults.bats.

load common
load contract
load faults

setup() { faults_setup; }

@test "memory runs out, once, somewhere" { faults_all malloc 1; }
@test "a read fails, once, somewhere" { faults_all read 1; }
@test "a write fails, once, somewhere" { faults_all write 1; }
@test "a write takes half, once, somewhere" { faults_all short 1; }
@test "an open fails, once, somewhere" { faults_all open 1; }
@test "a close fails, once, somewhere" { faults_all close 1; }
@test "an fsync fails, once, somewhere" { faults_all fsync 1; }
@test "a rename fails, once, somewhere" { faults_all rename 1; }
@test "a mkdir fails, once, somewhere" { faults_all mkdir 1; }
