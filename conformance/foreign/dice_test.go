package foreign_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir/codec"
)

// dice makes random Go types, and random values that they allow.
type dice struct{ *rand.Rand }

type (
	hue   string
	shape struct {
		codec.Union
		Circle *circle
		Box    *struct{ Width, Height float64 }
	}
	circle struct {
		Radius float64 `min:"0"`
		Hue    hue
	}
	tree struct {
		Name  string `max:"8"`
		Left  *tree
		Leafs []shape `max:"3"`
	}
)

func (hue) Cases() []string { return []string{"red", "green", "deep_blue"} }

// leaves are the types that hold no other, and those with names.
var leaves = []reflect.Type{
	reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[uint16](), reflect.TypeFor[int64](), reflect.TypeFor[uint64](),
	reflect.TypeFor[float64](), reflect.TypeFor[float32](), reflect.TypeFor[string](), reflect.TypeFor[[]byte](), reflect.TypeFor[time.Time](), reflect.TypeFor[any](),
	reflect.TypeFor[hue](), reflect.TypeFor[shape](), reflect.TypeFor[circle](), reflect.TypeFor[tree](),
}

func (r *dice) typ(depth int) reflect.Type {
	switch n := r.IntN(20); {
	case depth == 0 || n < 14:
		return leaves[r.IntN(len(leaves))]
	case n < 16:
		return reflect.SliceOf(r.typ(depth - 1))
	case n < 18:
		return reflect.MapOf(reflect.TypeFor[string](), r.typ(depth-1))
	}
	return r.structType(depth - 1)
}

// structType is a struct with a field or a few, with bounds here and there.
func (r *dice) structType(depth int) reflect.Type {
	var fields []reflect.StructField
	for i := range 1 + r.IntN(6) {
		t := r.typ(depth)
		f := reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: t, Tag: reflect.StructTag(r.tag(t))}
		if r.IntN(4) == 0 && t.Kind() != reflect.Interface {
			f.Type = reflect.PointerTo(t)
		}
		fields = append(fields, f)
	}
	return reflect.StructOf(fields)
}

var patterns = []string{`[a-z]{1,3}`, `x\.y?`, `[^0-9]+`, `.{2}`, `[+\[\]-]*`}

// examples match the patterns.
var examples = map[string][]string{
	`[a-z]{1,3}`: {"a", "abc"}, `x\.y?`: {"x.", "x.y"}, `[^0-9]+`: {"ż", "a b"}, `.{2}`: {"a\n", "😀.", `"\`}, `[+\[\]-]*`: {"", "[-]+"},
}

func (r *dice) tag(t reflect.Type) string {
	if r.IntN(2) == 0 || t.PkgPath() != "" && t != reflect.TypeFor[time.Time]() {
		return ""
	}
	low := r.IntN(4)
	bounds := fmt.Sprintf(`min:"%d" max:"%d"`, low, low+r.IntN(4))
	switch t.Kind() {
	case reflect.String:
		if r.IntN(2) == 0 {
			return "pattern:" + strconv.Quote(patterns[r.IntN(len(patterns))])
		}
		return bounds
	case reflect.Int, reflect.Int8, reflect.Uint16, reflect.Int64, reflect.Uint64, reflect.Float64, reflect.Float32, reflect.Slice, reflect.Map:
		return bounds
	}
	return ""
}

// fill puts a random value that fits the tag of its field.
func (r *dice) fill(v reflect.Value, tag reflect.StructTag, depth int) {
	low, high := r.bounds(tag)
	between := func(least, most float64) float64 {
		least, most = max(least, low), min(most, high)
		return least + r.Float64()*(most-least)
	}
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(4e9), r.Int64N(1e9)).UTC()))
		return
	case hue:
		v.SetString(hue("").Cases()[r.IntN(3)])
		return
	case shape:
		u := shape{Circle: new(circle)}
		if r.IntN(2) == 0 {
			u = shape{Box: new(struct{ Width, Height float64 })}
		} else {
			r.fill(reflect.ValueOf(u.Circle).Elem(), "", depth)
		}
		v.Set(reflect.ValueOf(u))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int:
		v.SetInt(int64(between(-1<<53+1, 1<<53-1)))
	case reflect.Int8:
		v.SetInt(int64(between(-128, 127)))
	case reflect.Int64:
		v.SetInt(int64(between(math.MinInt64, math.MaxInt64-1024)))
	case reflect.Uint16:
		v.SetUint(uint64(between(0, 65535)))
	case reflect.Uint64:
		v.SetUint(uint64(between(0, math.MaxUint64-4096)))
	case reflect.Float64, reflect.Float32:
		v.SetFloat(between(-1e9, 1e9))
	case reflect.String:
		v.SetString(r.text(tag, low, high))
	case reflect.Interface:
		if x := []any{1, "x", 2.5, nil, map[string]any{"a": []any{true}}}[r.IntN(5)]; x != nil {
			v.Set(reflect.ValueOf(x))
		}
	case reflect.Pointer:
		if depth > 0 && r.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			r.fill(v.Elem(), tag, depth-1)
		}
	case reflect.Slice:
		n := r.count(low, high, depth)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			if v.Type().Elem().Kind() == reflect.Uint8 {
				v.Index(i).SetUint(r.Uint64N(256))
				continue
			}
			r.fill(v.Index(i), "", depth-1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range r.count(low, high, depth) {
			elem := reflect.New(v.Type().Elem()).Elem()
			r.fill(elem, "", depth-1)
			v.SetMapIndex(reflect.ValueOf(fmt.Sprint("key ", i)), elem)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			r.fill(v.Field(i), v.Type().Field(i).Tag, depth)
		}
	}
}

func (r *dice) bounds(tag reflect.StructTag) (low, high float64) {
	low, high = math.Inf(-1), math.Inf(1)
	if n, err := strconv.ParseFloat(tag.Get("min"), 64); err == nil {
		low = n
	}
	if n, err := strconv.ParseFloat(tag.Get("max"), 64); err == nil {
		high = n
	}
	return low, high
}

// count is a length; without need none where it gets deep.
func (r *dice) count(low, high float64, depth int) int {
	least, most := int(max(0, low)), int(min(4, high))
	if depth <= 0 || most <= least {
		return least
	}
	return least + r.IntN(most-least+1)
}

func (r *dice) text(tag reflect.StructTag, low, high float64) string {
	if all := examples[tag.Get("pattern")]; all != nil {
		return all[r.IntN(len(all))]
	}
	letters := []rune("aZ 0-/\\\"\n\t\u007f\u00e9ż😀\u2028<&>")
	var b strings.Builder
	for range r.count(low, high, 1) {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}
