tlm-replay --delimiter ';' --empty string --no-infer --types a_2:num --rejects /dev/null names.csv
