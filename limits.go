package sabir

import (
	"math"
	"time"
)

// Limits are those of a server that can be changed; a zero field means the
// default. What the others are and what happens beyond each: spec/limits.md.
type Limits struct {
	// Message is how many bytes a message may have that is sent, 1 KiB to 1 GiB, on
	// machines of 32 bits 256 MiB; twice that is received. Default: 4 MiB, which items of topics, states and
	// tables and the lists of plain requests keep to if it is raised.
	Message       int
	InFlight      int // calls in flight on a connection. Default: 128
	Subscriptions int // requests with a window on a connection. Default: 256
	Connections   int // of one caller. Default: 1024
}

// What waits to be sent has to hold a few messages, whatever their size. spec [O5]
func (l Limits) busyQueue() int       { return max(busyQueue, 2*l.Message) }
func (l Limits) busyCallerQueue() int { return max(busyCallerQueue, 2*l.Message) }
func (l Limits) resultQueue() int     { return max(resultQueue, 4*l.Message) }
func (l Limits) maxQueue() int        { return max(maxQueue, 5*l.Message) }

// uploads is how much the large calls of a client may take that are not answered: half of
// what a server takes of one caller. spec [B6]
func (l Limits) uploads() int { return l.maxReceived() / 2 }

// maxCallerSubs is how many subscriptions a caller may have on all connections: each takes about 12 KiB.
func (l Limits) maxCallerSubs() int { return max(4*l.Connections, l.Subscriptions) }

// maxCallerCalls is how many calls a caller may have in flight on all connections, beyond freeCalls on each: with its
// goroutine each takes some 10 KiB.
func (l Limits) maxCallerCalls() int { return max(4*l.Connections, l.InFlight) }

// maxReceived is how much the messages of a caller may take. spec [B6]
func (l Limits) maxReceived() int { return max(maxCallerReceived, 8*l.Message) }

// mostMessage is the largest Message: eight times that has to be an int.
const mostMessage = min(1<<30, math.MaxInt/8+1)

func (l Limits) filled() Limits {
	or := func(n, otherwise int) int {
		if n > 0 {
			return n
		}
		return otherwise
	}
	return Limits{
		Message:       min(max(or(l.Message, maxMessage), 1<<10), mostMessage),
		InFlight:      or(l.InFlight, maxInFlight),
		Subscriptions: or(l.Subscriptions, maxSubscriptions),
		Connections:   or(l.Connections, maxConnections),
	}
}

// The defaults of spec/limits.md. What a peer may send is judged by these;
// what it may receive is twice as much.
const (
	maxMessage       = 4 << 20
	maxInFlight      = 128
	maxSubscriptions = 256
	maxWindow        = 1024
	maxConnections   = 1024     // a caller, on unix sockets
	busyQueue        = 8 << 20  // unsent bytes of a connection over which new requests are refused
	busyCallerQueue  = 32 << 20 // and of all connections of a caller
	resultQueue      = 64 << 20 // unsent bytes, of either, over which a result is dropped
	maxQueue         = 80 << 20 // and over which the connection ends
	// maxCallerReceived is for messages that are on their way and for the params of calls that run.
	maxCallerReceived = 32 << 20
	// freeCalls is how many calls in flight a connection has that its caller's account does not hear of: most have no
	// more, and all connections of a caller meet there.
	freeCalls = 4
	maxStall  = 10 * time.Second
	drainTime = 10 * time.Second

	// shortQueue is how many bytes may wait before items stay in their streams:
	// the short queue of spec [O4]. A reply waits for at most this and a message.
	shortQueue = 64 << 10
	// keepBuffer is the largest buffer that an idle connection holds on to.
	keepBuffer = 16 << 10
)
