package sabir

import "time"

// The defaults of spec/limits.md. What a peer may send is judged by these;
// what it may receive is twice as much.
const (
	maxMessage       = 4 << 20
	maxReceived      = 2 * maxMessage
	maxInFlight      = 128
	maxSubscriptions = 256
	maxWindow        = 1024
	maxConnections   = 1024     // a caller, on unix sockets
	busyQueue        = 8 << 20  // unsent bytes of a connection over which new requests are refused
	maxQueue         = 16 << 20 // unsent bytes of a connection that end it
	maxCallerQueue   = 64 << 20 // unsent bytes of all connections of a caller
	maxStall         = 10 * time.Second
	drainTime        = 10 * time.Second

	// shortQueue is how many bytes may wait before items stay in their streams:
	// the short queue of spec [O4]. A reply waits for at most this and a message.
	shortQueue = 64 << 10
	// writePiece is how much is written at once, so that progress can be seen.
	writePiece = 64 << 10
	// keepBuffer is the largest buffer that an idle connection holds on to.
	keepBuffer = 16 << 10
)
