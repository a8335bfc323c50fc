package wire

import "fmt"

// Code is the number of an error; programs look at the name instead.
type Code int

// The codes of the protocol's own errors. spec [E2]
const (
	Declared         Code = 1 // every error that a member declares
	ParseError       Code = -32700
	InvalidRequest   Code = -32600
	MethodNotFound   Code = -32601
	InvalidParams    Code = -32602
	Internal         Code = -32603
	Cancelled        Code = -32001
	DeadlineExceeded Code = -32002
	Busy             Code = -32003
	Denied           Code = -32004
	Draining         Code = -32005
	Unavailable      Code = -32006
	TooLarge         Code = -32007
	OutcomeUnknown   Code = -32008
	InvalidResult    Code = -32009
)

var codeNames = map[Code]string{
	ParseError:       "rpc.ParseError",
	InvalidRequest:   "rpc.InvalidRequest",
	MethodNotFound:   "rpc.MethodNotFound",
	InvalidParams:    "rpc.InvalidParams",
	Internal:         "rpc.Internal",
	Cancelled:        "rpc.Cancelled",
	DeadlineExceeded: "rpc.DeadlineExceeded",
	Busy:             "rpc.Busy",
	Denied:           "rpc.Denied",
	Draining:         "rpc.Draining",
	Unavailable:      "rpc.Unavailable",
	TooLarge:         "rpc.TooLarge",
	OutcomeUnknown:   "rpc.OutcomeUnknown",
	InvalidResult:    "rpc.InvalidResult",
}

// Name returns the name that goes with a code of the protocol's own, else "".
func (c Code) Name() string { return codeNames[c] }

// Error is the error member of a response. Name is empty where a plain
// JSON-RPC peer gave none. spec [E1]
type Error struct {
	Code    Code
	Message string
	Name    string
	Params  Value
}

// SyntaxError says why a frame is not strict JSON or CBOR. The connection it
// came from is beyond repair. spec [M14]
type SyntaxError struct {
	Enc    Encoding
	Offset int // in bytes from the start of the frame
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not strict %s: %s at byte %d", e.Enc, e.Reason, e.Offset)
}

// ShapeError says why a well-formed object is no message. The connection lives.
type ShapeError struct {
	ID     ID     // whom to answer: NullID where the message's own cannot be used
	Answer ID     // whose answer this was meant to be; zero if it looks like none
	Member string // the member at fault, if it is one
	Reason string
}

func (e *ShapeError) Error() string {
	if e.Member == "" {
		return e.Reason
	}
	return fmt.Sprintf("member %q: %s", e.Member, e.Reason)
}

// SizeError says that a frame is longer than the reader takes. spec [B2]
type SizeError struct{ Limit int }

func (e *SizeError) Error() string {
	return fmt.Sprintf("message over %d bytes", e.Limit)
}
