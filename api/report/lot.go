package report

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/epcis"
)

const (
	// maxLotEvents bounds the events that the report on one lot looks at, maxLotObjects the serialised
	// objects of the lot and the containers that they have been in.
	maxLotEvents  = 100_000
	maxLotObjects = 50_000
)

// gather gives the events that name a lot, its serialised objects, or a container in which any of these has
// been, by time and in the time asked for. ErrUnknownLot if there is none at any time.
func (f *food) gather(ctx context.Context) ([]*event, error) {
	g := gathering{view: f.view, found: map[[2]uint64]*event{}, asked: map[string]bool{}}
	names := []string{f.query.Lot}
	if id := parts(f.query.Lot); id.gtin != "" {
		commissioned, err := f.view.source.LotItems(ctx, id.gtin, id.lot, f.view.asOf, maxLotObjects)
		if err != nil {
			return nil, err
		}
		if len(commissioned) == maxLotObjects {
			return nil, g.tooLarge()
		}
		for _, e := range f.view.events(commissioned) {
			for _, it := range e.Items() {
				if !it.Class && parts(it.Canonical).gtin == id.gtin && (it.Role == epcis.RoleEPC || it.Role == epcis.RoleOutput) {
					names = append(names, it.Canonical)
				}
			}
		}
	}
	for depth := 0; len(names) > 0 && depth <= maxDepth; depth++ {
		var err error
		if names, err = g.ask(ctx, names); err != nil {
			return nil, err
		}
	}
	if len(g.found) == 0 {
		return nil, fmt.Errorf("%w: no recorded event names the lot %s", ErrUnknownLot, lotCode(f.query.Lot))
	}
	events := slices.SortedFunc(maps.Values(g.found), byTime)
	events = slices.DeleteFunc(events, func(e *event) bool {
		at := e.rec.EventTime
		return !f.query.From.IsZero() && at.Before(f.query.From) || !f.query.Until.IsZero() && !at.Before(f.query.Until)
	})
	return events, nil
}

// lot reports on the events of a lot.
func (f *food) lot(ctx context.Context, events []*event) error {
	for chunk := range slices.Chunk(events, pageSize) {
		if err := f.report(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// gathering collects the events of objects, each once.
type gathering struct {
	view  *ledgerView
	found map[[2]uint64]*event // by position
	asked map[string]bool
}

func (g *gathering) tooLarge() error {
	return fmt.Errorf("%w: the lot's report would look at more than %d events or %d objects; report on a time instead", ErrTooLarge, maxLotEvents, maxLotObjects)
}

// ask takes in the events of objects and gives the containers that those were put into.
func (g *gathering) ask(ctx context.Context, objects []string) (containers []string, err error) {
	fresh := make([]string, 0, len(objects))
	for _, o := range objects {
		if !g.asked[o] {
			g.asked[o] = true
			fresh = append(fresh, o)
		}
	}
	if len(g.asked) > maxLotObjects {
		return nil, g.tooLarge()
	}
	for part := range slices.Chunk(fresh, askAtOnce) {
		named, more, err := g.view.source.Naming(ctx, part, Asked{Roles: InAnyRole, Limit: maxLotEvents, AsOf: g.view.asOf})
		if err != nil {
			return nil, err
		}
		if len(more) > 0 {
			return nil, g.tooLarge()
		}
		for _, o := range part {
			records := named[o]
			for i := range records {
				key := [2]uint64{records[i].Block, uint64(records[i].Index)}
				if g.found[key] != nil {
					continue
				}
				e := g.view.reader.read(&records[i])
				if g.found[key] = e; len(g.found) > maxLotEvents {
					return nil, g.tooLarge()
				}
				if e.Type == epcis.AggregationEvent && e.Action == epcis.Add && e.ParentID != "" {
					containers = append(containers, canonical(e.ParentID))
				}
			}
		}
	}
	return containers, nil
}
