package sabir

// credit is what the peer of a call may still send, as the caller counts it.
// spec [S1]
type credit struct {
	window int  // up to which it is filled again when half of it is used; 0 and less: nobody counts
	grows  bool // the window goes by the size of the items
	left   int
	items  int // since it was filled
	bytes  int // of these
}

// defaultWindow is how many items a reader of ours is ready for at first: enough
// that a producer is not held up while credit travels, few enough to hold in
// memory whatever their size.
const defaultWindow = 256

// windowBytes is how much a window that grows should hold: so small items, of
// which 256 go into one packet or two, are not held up on a long way either.
const windowBytes = 256 << 10

// use counts an item of that size; more is what the peer is to be given.
func (c *credit) use(size int) (more int) {
	c.left--
	c.items++
	c.bytes += size
	if c.window <= 0 || c.left > c.window/2 {
		return 0
	}
	if c.grows {
		c.window = min(max(windowBytes*c.items/max(1, c.bytes), defaultWindow), maxWindow)
	}
	c.items, c.bytes = 0, 0
	more = max(0, c.window-c.left)
	c.left += more
	return more
}
