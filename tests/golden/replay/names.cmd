tlm-replay --delimiter ';' --empty omit names.csv
