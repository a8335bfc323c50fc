module github.com/sabir-ipc/sabir/bench

go 1.26

require github.com/sabir-ipc/sabir v0.0.0

replace github.com/sabir-ipc/sabir => ../
