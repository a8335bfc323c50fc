package sabir

import (
	"strings"
	"testing"
	"time"
)

func TestSlowMethods(t *testing.T) {
	var s slow
	if s.find("a.b") != nil {
		t.Error("slow before anything was")
	}
	s.add("a.b")
	s.add("a.c")
	m := s.find("a.b")
	if m == nil || s.find("a.c") == nil || s.find("a.d") != nil {
		t.Fatal("not those that were added")
	}
	for range quickRuns - 1 {
		s.ran("a.b", m, quickRun)
	}
	s.ran("a.b", m, quickRun+1)
	for range quickRuns - 1 {
		s.ran("a.b", m, 0)
	}
	if s.find("a.b") != m {
		t.Error("quick before it was a thousand times in a row")
	}
	s.ran("a.b", m, 0)
	if s.find("a.b") != nil || s.find("a.c") == nil {
		t.Error("slow after it was quick a thousand times in a row")
	}
	s.change("a.c", nil)
	if s.methods.Load() != nil {
		t.Error("a load is not all it costs when none is left")
	}
}

func TestSlowMethodsHaveAnEnd(t *testing.T) {
	var s slow
	s.add(strings.Repeat("x", maxSlowName+1))
	if s.methods.Load() != nil {
		t.Error("a name of any length is kept")
	}
	for i := range 3 * maxSlow {
		name := strings.Repeat("x", i%maxSlowName) + time.Duration(i).String()
		s.add(name)
		if s.find(name) == nil && len(name) <= maxSlowName {
			t.Fatalf("%s was not added", name)
		}
		if n := s.methods.Load(); n != nil && len(*n) > maxSlow {
			t.Fatalf("%d are known", len(*n))
		}
	}
}
