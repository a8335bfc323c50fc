package sabir

// numbered is what is under way on a connection, by the numbers of the ids. They
// mostly follow each other, so that each has a place of its own in a table with
// a few more places than calls: a map, which has to expect any numbers, took a
// twelfth of what a hub does for a call, and three times the memory where one call
// is made now and then. Whoever chooses his ids so that all want the same place
// makes his own connection slower, by as many as he may have in flight.
type numbered[T any] struct {
	places []place[T] // a power of two of them, and some free
	n      int
}

type place[T any] struct {
	id int64
	v  *T // nil: the place is free
}

const (
	leastPlaces = 4
	// keepPlaces is how many are kept when all calls have ended.
	keepPlaces = 256
)

// find returns nil if there is none.
func (t *numbered[T]) find(id int64) *T {
	if t.n == 0 {
		return nil
	}
	return t.places[t.seek(id)].v
}

// add takes an id that is not there.
func (t *numbered[T]) add(id int64, v *T) {
	if 4*(t.n+1) > 3*len(t.places) {
		t.grow()
	}
	t.places[t.seek(id)] = place[T]{id, v}
	t.n++
}

// remove takes one out, if it is there.
func (t *numbered[T]) remove(id int64) {
	if t.find(id) == nil {
		return
	}
	if t.n--; t.n == 0 && len(t.places) > keepPlaces {
		t.places = nil
		return
	}
	// Those that follow, up to the next free place, are moved up where they would
	// not be found behind this one.
	free, mask := t.seek(id), len(t.places)-1
	for i := (free + 1) & mask; t.places[i].v != nil; i = (i + 1) & mask {
		if wants := int(t.places[i].id) & mask; (i-wants)&mask >= (i-free)&mask {
			t.places[free], free = t.places[i], i
		}
	}
	t.places[free] = place[T]{}
}

// all is for loops in which calls may end.
func (t *numbered[T]) all() []*T {
	all := make([]*T, 0, t.n)
	for _, p := range t.places {
		if p.v != nil {
			all = append(all, p.v)
		}
	}
	return all
}

// seek returns where an id is, or the free place that it would take.
func (t *numbered[T]) seek(id int64) int {
	mask := len(t.places) - 1
	i := int(id) & mask
	for t.places[i].v != nil && t.places[i].id != id {
		i = (i + 1) & mask
	}
	return i
}

func (t *numbered[T]) grow() {
	old := t.places
	t.places = make([]place[T], max(leastPlaces, 2*len(old)))
	for _, p := range old {
		if p.v != nil {
			t.places[t.seek(p.id)] = p
		}
	}
}
