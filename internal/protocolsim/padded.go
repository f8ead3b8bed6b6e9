package protocolsim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// filling is of what a list is padded with.
type filling struct {
	move  Move
	packs int // further transactions, of each of which so many events are listed
	each  int
	bytes int // of the events that are listed in all; 0: what they come to
	voids ledger.SettledBy
}

func fillings() []filling {
	return []filling{
		{PadReferences, 2, (ledger.MaxTaskReferences - 3) / 2, 0, ledger.SettledOmission},
		{PadPacks, ledger.MaxTaskPacks - 2, 1, 0, ledger.SettledOmission},
		{PadBytes, 0, 0, ledger.MaxTaskPackBytes, ledger.SettledOmission},
		{PadBeyond, 0, 0, ledger.MaxTaskPackBytes + 1, ledger.SettledNoWindow},
	}
}

// NewPaddedWorld makes a channel with a container whose list liars can pad, with what else is recorded, to the bounds of a task: with
// what they leave out it is more than that.
func NewPaddedWorld(policy ledger.ScoringPolicy, members []Member, large bool) (*World, error) {
	return newWorld(policy, members, func(wire.Transaction) {}, func(w *World) error { return w.padded(large) })
}

// padding records events of other things.
type padding struct {
	w *World
	n int
}

// entries are so many events of other things, with so many bytes of filler in all that say nothing.
func (p *padding) entries(n, filler int) ([]wire.EventEntry, error) {
	const parts = 20 // a string of an event is bounded too
	var out []wire.EventEntry
	for k := range n {
		fields := map[string]any{
			"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{fmt.Sprintf("urn:epc:id:sgtin:9520001.012345.%d", p.n)},
			"eventTime": begin().Add(time.Minute).Format(time.RFC3339), "eventTimeZoneOffset": "+00:00",
		}
		p.n++
		e := wire.EventEntry{}
		share := filler / n
		if k == 0 {
			share += filler % n
		}
		if share > 0 {
			e.Context = []byte(`["https://ref.gs1.org/standards/epcis/epcis-context.jsonld",{"ex":"https://example.com/"}]`)
			for i := range parts {
				part := share / parts
				if i == 0 {
					part += share % parts
				}
				fields[fmt.Sprintf("ex:f%02d", i)] = strings.Repeat("f", part)
			}
		}
		var err error
		if e.Body, err = json.Marshal(fields); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// record records events in one transaction and gives references to them, and their bytes.
func (p *padding) record(entries ...wire.EventEntry) ([]ledger.Reference, int, error) {
	pack, err := wire.EncodePlainPack(entries)
	if err != nil {
		return nil, 0, err
	}
	all, err := hashes(recorded(p.w.submit("rootA", wire.FnRecordEvents, pack, 0)))
	refs := make([]ledger.Reference, len(all))
	for i, h := range all {
		refs[i] = event(h)
	}
	return refs, sum(entries...), err
}

func sum(entries ...wire.EventEntry) (bytes int) {
	for _, e := range entries {
		bytes += len(e.Context) + len(e.Body)
	}
	return bytes
}

// sized records events of other things of so many bytes.
func (p *padding) sized(bytes int) ([]ledger.Reference, error) {
	const n = 4 // an event has a bound too
	start := p.n
	entries, err := p.entries(n, bytes/2)
	if err != nil {
		return nil, err
	}
	without := sum(entries...)
	p.n = start
	if entries, err = p.entries(n, bytes/2+bytes-without); err != nil {
		return nil, err
	}
	refs, got, err := p.record(entries...)
	if err == nil && got != bytes {
		err = fmt.Errorf("%w: events of %d bytes, not %d", ErrRefused, got, bytes)
	}
	return refs, err
}

// padded records one container's journey, of which every measurement is in an event, and what pads its lists.
func (w *World) padded(large bool) error {
	for i, f := range fillings() {
		if f.bytes > 0 == large {
			if err := w.pad(i, f); err != nil {
				return fmt.Errorf("%s: %w", f.move, err)
			}
		}
	}
	return nil
}

const largePack = 4_000_000 // of the 4 MiB that one may hold

// pad records a container's journey and the task of its end, and how its list is padded.
func (w *World) pad(i int, f filling) error {
	p := &padding{w: w, n: 100_000 * (i + 1)}
	pallet := fmt.Sprintf("urn:epc:id:sscc:9520001.3%09d", i)
	shipment, _, err := canonical(pallet, "urn:epc:id:giai:9520002.P")
	if err != nil {
		return err
	}
	entry := func(minute int, step string, celsius float64) (wire.EventEntry, error) {
		fields := map[string]any{
			"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{pallet}, "bizStep": step, "readPoint": map[string]any{"id": fmt.Sprintf("urn:epc:id:sgln:9520001.00000.%d", minute)},
			"eventTime": begin().Add(time.Duration(minute) * time.Minute).Format(time.RFC3339), "eventTimeZoneOffset": "+00:00",
		}
		if celsius != 0 {
			fields["sensorElementList"] = []any{map[string]any{"sensorReport": []any{map[string]any{"type": "Temperature", "value": celsius, "uom": "CEL"}}}}
		}
		body, failed := json.Marshal(fields)
		return wire.EventEntry{Body: body}, failed
	}
	var own [4]wire.EventEntry
	for k, step := range []string{"shipping", "storing", "inspecting", "receiving"} {
		celsius := 0.0
		if step == "storing" {
			celsius = 5
		}
		if own[k], err = entry(3*k+1, step, celsius); err != nil {
			return err
		}
	}
	arrival := own[3]
	began, bytes, err := p.record(own[0], own[1])
	if err != nil {
		return err
	}
	var padding []ledger.Reference
	pad := func(refs []ledger.Reference, n int, err error) error {
		padding, bytes = append(padding, refs...), bytes+n
		return err
	}
	for range f.packs {
		var entries []wire.EventEntry
		if entries, err = p.entries(f.each, 0); err == nil {
			err = pad(p.record(entries...))
		}
		if err != nil {
			return err
		}
	}
	before := len(padding)
	beside, err := p.entries(4, largePack) // what is left out is in a pack of its own, as large as one may be
	if err != nil {
		return err
	}
	held, _, err := p.record(append(beside, own[2])...)
	if err != nil {
		return err
	}
	bytes += sum(arrival)
	for bytes < f.bytes {
		n := largePack
		if left := f.bytes - bytes; left < 2*largePack {
			n = max(left/2, min(left, largePack/2))
		}
		var refs []ledger.Reference
		if refs, err = p.sized(n); err != nil {
			return err
		}
		padding, bytes = append(padding, refs...), bytes+n
	}
	arrived, _, err := p.record(arrival)
	if err != nil {
		return err
	}
	state := func(all ...ledger.Reference) ledger.TaskStatement {
		return ledger.TaskStatement{Shipment: shipment, Window: 1, Model: w.Model.Name(), References: all}
	}
	right := Task{Statement: state(list(began[0], began[1], held[len(held)-1], arrived[0])...)}
	if err = w.rule(&right); err != nil {
		return err
	}
	// The padding goes on both sides of what is left out, as the log has it.
	full := slices.Concat(began, padding, arrived)
	s := scheme{move: f.move, task: Task{Statement: state(list(full...)...), Truth: right.Truth}, voids: f.voids}
	s.claim(held[len(held)-1], uint32(1+len(began)+before)) //nolint:gosec // of at most 512
	if s.voids == ledger.SettledNoWindow {
		// Nobody can re-execute it, so that liars say of it what they like.
		s.omitted, s.task.Statement.Inputs = nil, ledger.Digest{7}
		s.executed = true
		err = s.say(func(v *ledger.Verdict) { v.Inputs = s.task.Statement.Inputs })
	} else {
		err = w.rule(&s.task)
	}
	if err != nil {
		return err
	}
	right.schemes = []scheme{s}
	w.Tasks = append(w.Tasks, right)
	return nil
}
