#!/usr/bin/env bats
# Members and brokers that die, stand still and come again: what readers see is what one undisturbed process would give.

load ../bats/common
load ../bats/kafka

setup_file() { kafka_start; }
teardown_file() { kafka_stop; }
setup() { kafka_need; }

torture() { OWNER=$PPID "$TLM_TOP/tests/torture/kafka.py" "$KAFKA_DIR" "${FAULTS:-60}" --members 3 --every 0.3-2 --kinds kill,term,more,stop,broker "$@"; }

@test "records from topic to topic" { torture --tool filter; }
@test "tumbling windows" { torture; }
@test "hopping windows with grace" { torture --windows hopping; }
@test "sessions" { torture --windows session; }
@test "rows before the final one" { torture --windows update; }
