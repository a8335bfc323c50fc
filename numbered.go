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
	if p := t.places[t.seek(id)]; p.id == id {
		return p.v
	}
	return nil
}

// add takes an id that is not there.
func (t *numbered[T]) add(id int64, v *T) {
	if 4*(t.n+1) > 3*len(t.places) {
		t.grow()
	}
	t.n++
	t.put(place[T]{id, v})
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
	i := t.seek(id)
	for next := t.after(i); t.away(next) > 0; next = t.after(i) { // who is not where he wants to be comes nearer
		t.places[i] = t.places[next]
		i = next
	}
	t.places[i] = place[T]{}
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

// seek returns where an id is, or else a place that it is not in. Nobody is less
// far away from where he wants to be than who wanted to be there and came later,
// so that the search mostly ends at once, also in a long row of neighbours.
func (t *numbered[T]) seek(id int64) int {
	i := t.home(id)
	for far := 0; t.places[i].v != nil && t.places[i].id != id && t.away(i) >= far; far++ {
		i = t.after(i)
	}
	return i
}

// put finds a place for p, or for whom p drives out, and so on.
func (t *numbered[T]) put(p place[T]) {
	i := t.home(p.id)
	for far := 0; t.places[i].v != nil; far++ {
		if is := t.away(i); is < far {
			p, t.places[i], far = t.places[i], p, is
		}
		i = t.after(i)
	}
	t.places[i] = p
}

// home is the place that an id wants.
func (t *numbered[T]) home(id int64) int { return int(id) & (len(t.places) - 1) }

func (t *numbered[T]) after(i int) int { return (i + 1) & (len(t.places) - 1) }

// away is how far behind his home the one in place i is; 0 as well if it is free.
func (t *numbered[T]) away(i int) int {
	if t.places[i].v == nil {
		return 0
	}
	return (i - int(t.places[i].id)) & (len(t.places) - 1)
}

func (t *numbered[T]) grow() {
	old := t.places
	t.places = make([]place[T], max(leastPlaces, 2*len(old)))
	for _, p := range old {
		if p.v != nil {
			t.put(p)
		}
	}
}
