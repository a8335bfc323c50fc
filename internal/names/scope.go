package names

// Scope are the names that are taken in one place.
type Scope map[string]bool

// Free returns the first name that nothing else has, and takes it; where all are
// taken, the last one with as many underscores as that needs.
func (s Scope) Free(names ...string) string {
	for _, n := range names {
		if !s[n] {
			s[n] = true
			return n
		}
	}
	return s.Free(names[len(names)-1] + "_")
}

// With takes names, and returns the scope.
func (s Scope) With(names ...string) Scope {
	for _, n := range names {
		s[n] = true
	}
	return s
}
