from alpine as Build
run echo hi
copy --FROM=x a b
