package readmodel

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// lotRole marks an instance in event_epcs whose lot the event tells.
const lotRole = 1 << 13

// What an event is found by in link_keys.
const (
	keyRun = 1 + iota
	keyClears
	keyLot
)

// traced is what an event adds to the tables of genealogy; nothing, for most.
type traced struct {
	link []byte // nil if it ties nothing together
	keys []linkKey
	lots []trace.Binding // by lot
}

type linkKey struct {
	kind int
	key  string
}

// tracedOf reads what an event ties together, and marks the objects whose lots it tells.
func tracedOf(ev *epcis.Event, objects []epcRoles) (t traced) {
	linked := trace.Linked(ev.Type)
	if !linked && !trace.TellsLots(ev) {
		return t
	}
	e, lots := trace.Read(ev, ledger.Digest{}, "")
	if t.lots = lots; len(lots) > 0 {
		told := make(map[string]bool, len(lots))
		for _, b := range lots {
			told[storable(bounded(b.Item))] = true
		}
		for i := range objects {
			if told[objects[i].epc] {
				objects[i].roles |= lotRole
			}
		}
	}
	if linked {
		t.link = encodeLink(&e)
	}
	if e.Run != "" && ev.Type == epcis.TransformationEvent {
		t.keys = append(t.keys, linkKey{keyRun, storable(bounded(e.Run))})
	}
	if e.Clears() {
		t.keys = append(t.keys, linkKey{keyClears, storable(bounded(e.Parent))})
	}
	// A lot that stands in no list is found by its key.
	named := make(map[string]bool, len(objects))
	for _, x := range objects {
		named[x.epc] = true
	}
	for _, m := range e.Members {
		if k := storable(bounded(m.ID)); !named[k] {
			named[k] = true
			t.keys = append(t.keys, linkKey{keyLot, k})
		}
	}
	return t
}

// traced adds the rows of an event.
func (p *projection) traced(pos int64, t traced) {
	if t.link != nil {
		p.add(tLinks, pos, t.link)
	}
	for _, k := range t.keys {
		p.add(tLinkKeys, k.kind, k.key, pos)
	}
	for part := range chunks(t.lots, func(a, b trace.Binding) bool { return a.Lot == b.Lot }) {
		p.lots.add(pos, part)
	}
}

// chunks gives runs of neighbours that are alike.
func chunks[T any](all []T, alike func(a, b T) bool) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		for begin := 0; begin < len(all); {
			end := begin + 1
			for end < len(all) && alike(all[begin], all[end]) {
				end++
			}
			if !yield(all[begin:end]) {
				return
			}
			begin = end
		}
	}
}

// lotRows gathers the instances of each lot block by block.
type lotRows struct {
	rows map[lotBlock]*lotRow
}

type lotBlock struct {
	lot   string
	block int64
}

type lotRow struct {
	lotBlock
	members []byte
}

// add appends the instances of one lot that an event tells: the event's index in the block, how many
// they are, and each as what its identifier has beyond that of its trade item.
func (l *lotRows) add(pos int64, told []trace.Binding) {
	if l.rows == nil {
		l.rows = map[lotBlock]*lotRow{}
	}
	at := lotBlock{storable(bounded(told[0].Lot)), pos >> indexBits}
	row := l.rows[at]
	if row == nil {
		row = &lotRow{lotBlock: at}
		l.rows[at] = row
	}
	row.members = binary.AppendUvarint(row.members, uint64(pos&maxIndex))
	row.members = binary.AppendUvarint(row.members, uint64(len(told)))
	for _, b := range told {
		row.members = appendText(row.members, strings.TrimPrefix(b.Item, serialsOf(b.Lot)))
	}
}

// serialsOf is how the instances of a lot's trade item begin.
func serialsOf(lot string) string {
	item, _, _ := strings.Cut(lot, "/10/")
	return item + "/21/"
}

func (p *projection) foldLots() {
	rows := make([]*lotRow, 0, len(p.lots.rows))
	for _, r := range p.lots.rows {
		rows = append(rows, r)
	}
	// Neighbours share the pages of a large index.
	slices.SortFunc(rows, func(a, b *lotRow) int {
		if c := strings.Compare(a.lot, b.lot); c != 0 {
			return c
		}
		return int(a.block - b.block)
	})
	for _, r := range rows {
		p.rows[tLots] = append(p.rows[tLots], r.lot, r.block, r.members)
	}
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// textReader reads what this file writes. After a fault it gives nothing.
type textReader struct {
	b      []byte
	broken bool
}

func (r *textReader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.broken = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *textReader) text() string {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.b, r.broken = nil, true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *textReader) byte() byte {
	if len(r.b) == 0 {
		r.broken = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// Flags of a member in a link, above its role.
const (
	memberRole     = 7
	memberClass    = 1 << 3
	memberQuantity = 1 << 4
)

// encodeLink writes the parent, the transformationID and the members of an event: each member as its
// role and flags, how many bytes it shares with the one before, the rest, and its amount if it has one.
func encodeLink(e *trace.Event) []byte {
	b := appendText(nil, e.Parent)
	b = appendText(b, e.Run)
	b = binary.AppendUvarint(b, uint64(len(e.Members)))
	last := ""
	for _, m := range e.Members {
		flags := byte(m.Role)
		if m.Class {
			flags |= memberClass
		}
		if m.Quantity != "" || m.UOM != "" {
			flags |= memberQuantity
		}
		shared := 0
		for shared < min(len(last), len(m.ID)) && last[shared] == m.ID[shared] {
			shared++
		}
		b = append(b, flags)
		b = binary.AppendUvarint(b, uint64(shared))
		b = appendText(b, m.ID[shared:])
		if flags&memberQuantity != 0 {
			b = appendText(appendText(b, string(m.Quantity)), m.UOM)
		}
		last = m.ID
	}
	return b
}

// decodeLink reads into an event what encodeLink wrote.
func decodeLink(b []byte, e *trace.Event) error {
	r := textReader{b: b}
	e.Parent, e.Run = r.text(), r.text()
	n := r.number()
	if n > uint64(len(r.b)) { // a member takes more than a byte
		return fmt.Errorf("%w: a link of %d members", ErrCorrupt, n)
	}
	e.Members = make([]trace.Member, 0, n)
	last := ""
	for range n {
		flags, shared := r.byte(), r.number()
		rest := r.text()
		if shared > uint64(len(last)) {
			r.broken = true
			break
		}
		m := trace.Member{Role: epcis.Role(flags & memberRole), Class: flags&memberClass != 0, ID: last[:shared] + rest}
		if flags&memberQuantity != 0 {
			m.Quantity, m.UOM = epcis.Number(r.text()), r.text()
		}
		e.Members = append(e.Members, m)
		last = m.ID
	}
	if r.broken || len(r.b) > 0 {
		return fmt.Errorf("%w: a link cannot be read", ErrCorrupt)
	}
	return nil
}
