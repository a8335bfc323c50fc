module github.com/sabir-ipc/sabir/bench

go 1.26.0

require (
	connectrpc.com/connect v1.21.1 // peer: Connect, its own protocol over HTTP/2
	github.com/coder/websocket v1.8.15 // the client's side of a WebSocket
	github.com/containerd/ttrpc v1.2.10 // peer: what containerd made of gRPC for one machine
	github.com/ethereum/go-ethereum v1.17.10 // peer: the JSON-RPC with subscriptions that most people know
	github.com/godbus/dbus/v5 v5.2.4 // peer: D-Bus from Go, through the real dbus-daemon
	github.com/nats-io/nats-server/v2 v2.15.2 // peer: the broker of NATS, as a process of its own
	github.com/nats-io/nats.go v1.55.0 // peer: NATS request and reply
	github.com/pebbe/zmq4 v1.4.0 // peer: ZeroMQ; needs libzmq, so only built with the tag zmq
	github.com/sabir-ipc/sabir v0.0.0
	github.com/sourcegraph/jsonrpc2 v0.2.3 // peer: the JSON-RPC of Go's language servers
	github.com/varlink/go v0.4.1-0.20261015173642-c935be0c53f7 // peer: Varlink's own Go library
	google.golang.org/grpc v1.85.0 // peer: gRPC
	google.golang.org/protobuf v1.36.12 // the payload of gRPC, ttrpc, drpc and Connect
	storj.io/drpc v1.0.0 // peer: the lightest of gRPC's heirs
)

require (
	github.com/Microsoft/go-winio v0.6.2 // indirect
	github.com/StackExchange/wmi v1.2.1 // indirect
	github.com/antithesishq/antithesis-sdk-go v0.8.0-default-no-op // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/containerd/log v0.1.0 // indirect
	github.com/deckarep/golang-set/v2 v2.6.0 // indirect
	github.com/fjl/jsonw v0.1.0 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/go-ole/go-ole v1.3.0 // indirect
	github.com/google/go-tpm v0.9.8 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/holiman/uint256 v1.3.2 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/minio/highwayhash v1.0.4 // indirect
	github.com/nats-io/jwt/v2 v2.8.2 // indirect
	github.com/nats-io/nkeys v0.4.16 // indirect
	github.com/nats-io/nuid v1.0.1 // indirect
	github.com/shirou/gopsutil v3.21.4-0.20210419000835-c7a38de76ee5+incompatible // indirect
	github.com/sirupsen/logrus v1.9.4 // indirect
	github.com/tklauser/go-sysconf v0.3.12 // indirect
	github.com/tklauser/numcpus v0.6.1 // indirect
	github.com/zeebo/errs v1.2.2 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.46.0 // indirect
	go.opentelemetry.io/otel/metric v1.46.0 // indirect
	go.opentelemetry.io/otel/trace v1.46.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/time v0.16.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260819154853-08b0e4226688 // indirect
)

replace github.com/sabir-ipc/sabir => ../
