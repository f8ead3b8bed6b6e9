package canon

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

type value struct {
	i    int64
	u    uint32
	b    bool
	f    float64
	s    string
	raw  [4]byte
	list []int32
}

func (v *value) code(c *Coder) {
	Int(c, &v.i)
	Uint(c, &v.u)
	c.Bool(&v.b)
	c.Float(&v.f)
	String(c, &v.s, 100)
	c.Raw(v.raw[:])
	Slice(c, &v.list, 100, func(c *Coder, x *int32) { Int(c, x) })
}

func TestWhatIsWrittenIsReadBackToTheLastBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := value{
			i: rapid.Int64().Draw(t, "i"), u: rapid.Uint32().Draw(t, "u"), b: rapid.Bool().Draw(t, "b"),
			f: math.Float64frombits(rapid.Uint64().Draw(t, "f")), s: rapid.StringN(0, 20, 100).Draw(t, "s"),
			list: rapid.SliceOfN(rapid.Int32(), 0, 100).Draw(t, "list"),
		}
		w := Writer(nil)
		v.code(w)
		var got value
		r := Reader(w.Bytes())
		got.code(r)
		if err := r.Done(); err != nil {
			t.Fatal(err)
		}
		again := Writer(nil)
		got.code(again)
		if !bytes.Equal(again.Bytes(), w.Bytes()) {
			t.Fatalf("%+v, want %+v", got, v)
		}
	})
}

func TestRecentKeepsItsOrderThroughState(t *testing.T) {
	a := NewRecent[uint32]()
	for i, k := range []string{"x", "y", "z", "y", "w"} {
		a.Put(k, uint32(i))
	}
	a.Touch("x")
	a.Remove("z")
	w := Writer(nil)
	number := func(c *Coder, v *uint32) { Uint(c, v) }
	a.Code(w, 10, number)
	b := NewRecent[uint32]()
	r := Reader(w.Bytes())
	b.Code(r, 10, number)
	if err := r.Done(); err != nil {
		t.Fatal(err)
	}
	var keys string
	for k := range b.All {
		keys += k
	}
	if v, ok := b.Get("y"); keys != "ywx" || !ok || v != 3 || b.Len() != 3 {
		t.Error(keys, v, ok)
	}
}

func FuzzReaderRefusesWhatNoWriterWrote(f *testing.F) {
	w := Writer(nil)
	(&value{i: -5, s: "text", list: []int32{1, 2, 3}}).code(w)
	f.Add(w.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var v value
		c := Reader(data)
		v.code(c)
		if err := c.Done(); err != nil && !errors.Is(err, ErrState) {
			t.Fatal(err)
		}
		if len(v.list) > 100 || len(v.s) > 100 {
			t.Fatal("a limit was passed")
		}
	})
}
