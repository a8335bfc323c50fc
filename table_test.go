package sabir

import (
	"reflect"
	"testing"
)

// The last row is deleted after another one has found the table and before it is in it:
// then it looks for the table again.
func TestSetBesideTheLastDelete(t *testing.T) {
	type row struct{ N int }
	none := None{}
	table := NewTable[row, None](NewService("s", "1", ""), "rows")
	if err := table.Set(none, "old", row{1}); err != nil {
		t.Fatal(err)
	}
	found, err := table.feeds.hold(reflect.ValueOf(&none).Elem())
	if err != nil {
		t.Fatal(err)
	}
	if !table.Delete(none, "old") {
		t.Error("the old row was not there")
	}
	late, err := table.feeds.encode(&row{2}, "")
	if err != nil {
		t.Fatal(err)
	}
	if found.source.(*rows).set("new", late) {
		t.Error("a row is where nobody will look for it")
	}
	if err := table.Set(none, "new", row{2}); err != nil || table.Len(none) != 1 {
		t.Errorf("%d rows, %v", table.Len(none), err)
	}
	table.Delete(none, "new")
	if n, idle := len(table.feeds.all), table.feeds.idle; n != 0 || idle != 0 {
		t.Errorf("%d tables are left, %d idle", n, idle)
	}
}
