#!/usr/bin/env bats
# Members, brokers and connections that die, stand still and come again: what readers see is what one undisturbed process
# would give. Three brokers, each record on three, behind Toxiproxy. FAULTS: of the first run (300), a fifth in each other.

load ../bats/common
load ../bats/kafka

setup_file() {
	[ -x "$("$TLM_TOP/tests/services/s3-install.sh")/toxiproxy" ] || { export KAFKA_MISSING="no Go 1.24 here for Toxiproxy"; return 0; }
	kafka_start 3
}
teardown_file() { kafka_stop; }
setup() { kafka_need; }

torture() { # FAULTS OPTION...
	OWNER=$PPID timeout 3000 "$TLM_TOP/tests/torture/kafka.py" "$KAFKA_DIR" "$1" --members 3 --every 0.3-2 \
		--kinds kill,term,more,stop,broker,cut "${@:2}"
}
MANY=${FAULTS:-300} FEW=$((${FAULTS:-300} / 5))

@test "tumbling windows and late records" { torture "$MANY"; }
@test "records from topic to topic" { torture "$FEW" --tool filter; }
@test "records from topic to topic, at least once" { torture "$FEW" --tool filter --delivery at-least-once; }
@test "hopping windows with grace" { torture "$FEW" --windows hopping; }
@test "sessions" { torture "$FEW" --windows session; }
@test "rows before the final one" { torture "$FEW" --windows update; }
@test "windows that the clock closes" { torture "$FEW" --windows idle; }
@test "windows kept in a state topic" { torture "$FEW" --state; }
@test "hopping windows kept in a state topic" { torture "$FEW" --state --windows hopping; }
@test "sessions kept in a state topic" { torture "$FEW" --state --windows session; }
@test "count windows kept in a state topic" { torture "$FEW" --windows count; }
@test "trips kept in a state topic" { torture "$FEW" --windows trip; }
@test "windows that the clock closes, kept in a state topic" { torture "$FEW" --state --windows idle; }
@test "partial rows of one group, merged by another" { torture "$FEW" --tool merge --members 4; }
@test "partial rows of one group, merged by another, kept in a state topic" { torture "$FEW" --tool merge --members 4 --state; }
