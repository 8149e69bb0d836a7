from alpine AS Build
run echo hi
copy a b
cmd ["x"]
