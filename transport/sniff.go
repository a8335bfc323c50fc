package transport

import (
	"context"
	"net"
	"strings"
	"time"
)

// Start is what the first bytes of a connection say that it is. spec/framings.md
type Start int

const (
	StartsOther Start = iota // none of these
	StartsJSON
	StartsCBOR
	StartsTLS
	StartsHTTP
)

// httpMethods are those that HTTP/1.1 has, with the blank after them. PRI, with which HTTP/2 begins, is none.
var httpMethods = []string{"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ", "PATCH "}

// maxStart is how many bytes Sniff needs at most.
const maxStart = len("CONNECT ")

// Sniff tells what a connection is by its first bytes. ok is false if they are too few to tell. spec [F4], [F5]
func Sniff(start []byte) (s Start, ok bool) {
	if len(start) == 0 {
		return StartsOther, false
	}
	switch start[0] {
	case '{':
		return StartsJSON, true
	case 0xd9:
		return StartsCBOR, true
	case 0x16:
		return StartsTLS, true
	}
	text := string(start[:min(len(start), maxStart)])
	for _, method := range httpMethods {
		switch {
		case strings.HasPrefix(text, method):
			return StartsHTTP, true
		case strings.HasPrefix(method, text):
			return StartsOther, false
		}
	}
	return StartsOther, true
}

// replay is a connection whose first bytes have been looked at, and are read all the same.
type replay struct {
	net.Conn
	first [maxStart]byte
	n     int // how many of first wait
}

// peek waits for as many bytes as tell what conn is.
func peek(ctx context.Context, conn net.Conn) (*replay, Start, error) {
	// A deadline in the past is what unblocks a Read when ctx ends; closing would take the error's reason away.
	unblocked := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer unblocked()
	r := &replay{Conn: conn}
	for {
		n, err := conn.Read(r.first[r.n:])
		r.n += n
		if start, ok := Sniff(r.first[:r.n]); ok {
			return r, start, nil
		}
		if err != nil {
			return r, StartsOther, cause(ctx, err)
		}
	}
}

func (r *replay) Read(p []byte) (int, error) {
	if r.n == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.first[:r.n])
	r.n = copy(r.first[:], r.first[n:r.n])
	return n, nil
}

// CloseWrite is not among net.Conn's methods, but both kinds of connection here have it.
func (r *replay) CloseWrite() error {
	if half, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return ErrNoHalfClose
}
