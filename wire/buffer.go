package wire

import (
	"math/bits"
	"strings"
	"sync"
	"unsafe"
)

// Buffers for large messages, and for many small ones, go from one to the next.
// New ones would, once the heap is small again, have to be mapped page by page:
// much of the time to echo a megabyte, and of what a hub does for a hundred
// subscribers. The garbage collector empties the pools.
var buffers [buffersUpTo]sync.Pool // of *byte: the first of a buffer of bufferSize

const (
	leastBuffer = 16 << 10
	largeBuffer = 64 << 10
	buffersUpTo = 11 // 16 MiB
	// bufferMargin is for what is around a large value in its message: values of a
	// power of two are common, and would take twice as much.
	bufferMargin = 8 << 10
)

// TakeBuffer returns an empty buffer of at least that capacity. It need not be
// given back.
func TakeBuffer(size int) []byte {
	i := bits.Len(uint(max(size-1, 0) / leastBuffer))
	if i > 0 && size <= bufferSize(i-1) {
		i--
	}
	if i >= buffersUpTo {
		wantHeadroom()
		return uncleared(size)
	}
	if first, ok := buffers[i].Get().(*byte); ok {
		return unsafe.Slice(first, bufferSize(i))[:0]
	}
	if size >= forHeadroom {
		wantHeadroom()
	}
	return uncleared(bufferSize(i))
}

// uncleared returns an empty buffer of that capacity. What make returns has been
// cleared, which takes as long as reading a large message from its socket. Who takes
// a buffer has to be ready for what others left in it, new or not.
func uncleared(size int) []byte {
	var b strings.Builder
	b.Grow(size)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), size)[:0]
}

func bufferSize(i int) int {
	size := leastBuffer << i
	if size >= largeBuffer {
		size += bufferMargin
	}
	return size
}

// Those that a Reader begins with go round as well.
var (
	smallBuffers sync.Pool // of *[smallBuffer]byte
	readBuffers  sync.Pool // of *[readBuffer]byte
)

func takeSmall() []byte {
	if b, ok := smallBuffers.Get().(*[smallBuffer]byte); ok {
		return b[:]
	}
	return make([]byte, smallBuffer)
}

func takeRead() []byte {
	if b, ok := readBuffers.Get().(*[readBuffer]byte); ok {
		return b[:]
	}
	return make([]byte, readBuffer)
}

// GiveFrame gives away what [Reader.Detach] returned, when nobody holds a part
// of it any more.
func GiveFrame(b []byte) {
	switch cap(b) {
	case smallBuffer:
		smallBuffers.Put((*[smallBuffer]byte)(b[:smallBuffer]))
	case readBuffer:
		readBuffers.Put((*[readBuffer]byte)(b[:readBuffer]))
	default:
		GiveBuffer(b)
	}
}

// GiveBuffer gives a buffer away if it is large. Nobody may hold a part of it.
func GiveBuffer(b []byte) {
	if cap(b) < leastBuffer {
		return
	}
	i := min(bits.Len(uint(cap(b)/leastBuffer)), buffersUpTo) - 1
	if cap(b) < bufferSize(i) {
		i--
	}
	buffers[i].Put(unsafe.SliceData(b))
}

// room returns dst with room for n bytes and what may follow them. Append, which
// makes long slices a quarter longer, would copy the messages that wait in front of
// a long one again and again.
func room(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n || len(dst)+n < leastBuffer {
		return dst
	}
	return append(TakeBuffer(len(dst)+n+bufferMargin/2), dst...)
}
