tlm-replay quotes.csv
