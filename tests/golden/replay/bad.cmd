tlm-replay -v bad.csv
