package doorbell

//go:generate go run github.com/sabir-ipc/sabir/cmd/sabir gen go --to doorbell_gen.go doorbell.sabir
