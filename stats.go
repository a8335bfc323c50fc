package sabir

import "sync/atomic"

// stats are the counters of rpc.stats, and what else a server knows of what it has
// served. spec [R4]
type stats struct {
	connections, inFlight, subscriptions          atomic.Int64
	calls, failed, items, lost, bytesIn, bytesOut atomic.Int64

	slow slow
}
