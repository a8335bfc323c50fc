#!/bin/sh
# Makes the Go files of this folder anew. Wants protoc and five plugins on PATH: protoc-gen-go, -go-grpc, -go-ttrpc,
# -go-drpc and -connect-go.
set -e
cd "$(dirname "$0")"
module=module=github.com/sabir-ipc/sabir/bench/pb
go="-I . --go_out=. --go_opt=$module"
protoc $go echo.proto
protoc $go --go-grpc_out=. --go-grpc_opt=$module pbgrpc/service.proto
protoc $go --go-ttrpc_out=. --go-ttrpc_opt=$module pbttrpc/service.proto
protoc $go --go-drpc_out=. --go-drpc_opt=$module pbdrpc/service.proto
protoc $go --connect-go_out=. --connect-go_opt=$module,simple=true pbconnect/service.proto
