package feature

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// ledgerEvent is an event with its hash, what it names and when it happened.
type ledgerEvent struct {
	*epcis.Event
	hash    ledger.Digest
	at      ledger.Millis
	objects []epcis.Item

	containers map[string]string // by item: what the ledger says that it is in
}

// Words of an event without which it tells a tracker nothing. Every event goes through this, and
// parsing costs far more. Text with escapes is always parsed.
func relevant(body []byte) bool {
	if bytes.IndexByte(body, '\\') >= 0 {
		return true
	}
	for _, word := range []string{
		"AssociationEvent", "AggregationEvent", "sensorElementList", "shipping", "receiving", "accepting", "unpacking",
		"destroying", "decommissioning", ":sscc:", ":grai:", "/00/", "/8003/", // and whatever names a container
	} {
		if bytes.Contains(body, []byte(word)) {
			return true
		}
	}
	return false
}

// isContainer tells whether an EPC can be a shipment by itself, before anything is known in it.
func isContainer(kind epcis.IdentifierKind) bool {
	return kind == epcis.KindSSCC || kind == epcis.KindGRAI
}

// isPlace tells whether an EPC is no container whatever is associated with it.
func isPlace(kind epcis.IdentifierKind) bool {
	return kind == epcis.KindSGLN || kind == epcis.KindPGLN || kind == epcis.KindGDTI
}

func (t *Tracker) event(recorded *wire.RecordedEvent, containers map[string]string) {
	if !relevant(recorded.Body) {
		return
	}
	parsed, err := epcis.ParseEvent(recorded.Context, recorded.Body)
	if err != nil || parsed.IsErrorDeclaration() {
		// The contract took the event; one that a later rule of epcis refuses tells nothing here.
		return
	}
	e := &ledgerEvent{Event: parsed, hash: recorded.Hash, at: ledger.MillisOf(parsed.EventTime.Instant), objects: parsed.Items(), containers: containers}
	var parent *container
	if len(e.objects) > 0 && e.objects[0].Role == epcis.RoleParent && e.objects[0].Canonical != "" && !isPlace(e.objects[0].Kind) && len(e.objects[0].Canonical) <= MaxText {
		switch e.Type {
		case epcis.AssociationEvent, epcis.AggregationEvent:
			if epc := e.objects[0].Canonical; t.follows(epc) || e.containers[epc] == t.only || e.containers[epc] == epc {
				parent = t.known(epc)
				if t.keeps {
					t.present.parent = parent.vessel()
				}
			} else {
				t.elsewhere(epc, e)
			}
		default:
		}
	}
	told := t.handled(e, nil)
	if parent != nil {
		t.contents(parent, e)
	}
	t.movement(e)
	t.handled(e, told)
	t.sensors(e)
}

// elsewhere takes, of an event of a container that is not in the shipment that is followed, that others are in it now or are
// no more.
func (t *Tracker) elsewhere(parent string, e *ledgerEvent) {
	for _, o := range e.objects {
		inner, ok := t.containers.Get(o.Canonical)
		if !ok || o.Role != epcis.RoleChild || o.Class || inner.epc == parent {
			continue
		}
		switch {
		case e.Action == epcis.Add && (e.Type != epcis.AssociationEvent || !isSensor(o.Kind)):
			inner.parent = parent
		case e.Action == epcis.Delete && e.Type != epcis.AssociationEvent && inner.parent == parent:
			inner.parent = ""
		}
	}
}

// isSensor tells whether what is associated with a container is taken for a device.
func isSensor(kind epcis.IdentifierKind) bool {
	return kind == epcis.KindGIAI || kind == epcis.KindOther
}

// contents takes an event that puts things into a container or takes them out.
func (t *Tracker) contents(parent *container, e *ledgerEvent) {
	association := e.Type == epcis.AssociationEvent
	switch e.Action {
	case epcis.Add:
		var classes []string
		for _, o := range e.objects {
			if o.Role != epcis.RoleChild {
				continue
			}
			if class := classOf(o.Canonical); class != "" {
				classes = append(classes, class)
			}
			if o.Class {
				continue
			}
			if association && isSensor(o.Kind) {
				if t.follows(parent.epc) {
					t.begin(parent, e.at)
					t.bind(parent, o.Canonical, e.at, e.hash)
				}
				continue
			}
			if t.only != "" && e.containers[o.Canonical] == o.Canonical {
				t.known(o.Canonical)
			}
			if inner, ok := t.containers.Get(o.Canonical); ok && inner != parent {
				t.entered(inner, parent)
				inner.parent = parent.epc
				classes = append(classes, inner.classes...)
			}
			if found, ok := t.suspects.Get(o.Canonical); ok {
				t.suspects.Remove(o.Canonical)
				for _, f := range found {
					t.concern(parent, f, parent)
				}
			}
		}
		t.addClasses(parent, classes)
	case epcis.Delete:
		named := false
		for _, o := range e.objects {
			if o.Role != epcis.RoleChild || o.Class {
				continue
			}
			named = true
			if association {
				if t.follows(parent.epc) {
					t.unbind(parent, o.Canonical, e.at, e.hash)
				}
			} else if inner, ok := t.containers.Get(o.Canonical); ok && inner.parent == parent.epc {
				t.left(inner)
				inner.parent = ""
			}
		}
		if association && !named {
			for _, id := range slices.Clone(parent.devices) {
				t.unbind(parent, id, e.at, e.hash)
			}
		}
		switch {
		case association && len(parent.devices) == 0 && (!parent.isShipped || meet(whereabouts(e.Event), parent.places)),
			!association && (!named || e.BizStep == "unpacking"):
			t.end(parent, e.at, e.hash)
		}
	default:
	}
}

// movement takes an event that ships, receives or ends containers.
func (t *Tracker) movement(e *ledgerEvent) {
	switch e.BizStep {
	case "shipping", "receiving", "accepting", "decommissioning", "destroying":
	default:
		return
	}
	for _, o := range e.objects {
		if o.Class || o.Role != epcis.RoleEPC && o.Role != epcis.RoleParent || len(o.Canonical) > MaxText || !t.follows(o.Canonical) {
			continue
		}
		c, ok := t.containers.Get(o.Canonical)
		if !ok && (e.BizStep != "shipping" || !isContainer(o.Kind)) {
			continue
		}
		if !ok {
			c = t.known(o.Canonical)
		}
		t.containers.Touch(c.epc)
		switch e.BizStep {
		case "shipping":
			t.begin(c, e.at)
			c.isShipped = true
			c.places = destinations(e.Event)
			c.shippedBy = e.hash
			t.told(c)
			t.input(c, Input{Kind: KindShipped, At: e.at, Event: e.hash, Places: c.places, Origin: origin(e.Event)})
			if c.isEnded {
				t.judge(c, true)
			}
		case "receiving", "accepting":
			places := whereabouts(e.Event)
			if !c.open || c.isEnded || e.BizStep == "accepting" && !meet(places, c.places) {
				continue // taking over on the way is not arriving
			}
			t.told(c)
			t.input(c, Input{Kind: KindReceived, At: e.at, Event: e.hash, Places: places})
			t.end(c, e.at, e.hash)
		default:
			t.end(c, e.at, e.hash)
		}
	}
}

// destinations are the places an event ships to.
func destinations(e *epcis.Event) []string {
	var places []string
	for _, d := range e.Destinations {
		if key := PlaceKey(d.ID); d.Type == "location" && len(places) < MaxPlaces && len(key) <= MaxText {
			places = append(places, key)
		}
	}
	return places
}

// origin is the place an event ships from: its source, else where it happened.
func origin(e *epcis.Event) string {
	for _, s := range e.Sources {
		if key := PlaceKey(s.ID); s.Type == "location" && len(key) <= MaxText {
			return key
		}
	}
	if places := whereabouts(e); len(places) > 0 {
		return places[0]
	}
	return ""
}

// handled tells the journeys under way of what was done with their containers, step by step, but for
// those told already, and gives all that were told. It is asked before and after the event did the rest,
// which may begin or end a journey.
func (t *Tracker) handled(e *ledgerEvent, told []string) []string {
	step := string(e.BizStep)
	if step == "" || len(step) > MaxText {
		return told
	}
	for _, o := range e.objects {
		if o.Class || o.Role != epcis.RoleEPC && o.Role != epcis.RoleParent {
			continue
		}
		c, ok := t.containers.Get(o.Canonical)
		if !ok || !c.open || c.isEnded && e.at > c.endedAt || slices.Contains(told, c.epc) {
			continue
		}
		if len(told) == maxClasses {
			t.spoil(c, whyCrowd)
			continue
		}
		told = append(told, c.epc)
		t.told(c)
		t.input(c, Input{Kind: KindStep, At: e.at, Event: e.hash, Step: step, Places: whereabouts(e.Event)})
		if c.isEnded {
			t.judge(c, true)
		}
	}
	return told
}

// withdraw takes back what an event did that its recorder declares in error. Readings that were taken
// for the event's sake stay: who bound a logger by mistake still measured what it measured.
func (t *Tracker) withdraw(r *wire.RecordedEvent) {
	e, err := epcis.ParseEvent(r.Context, r.Body)
	if err != nil {
		return
	}
	at := ledger.MillisOf(e.EventTime.Instant)
	for _, o := range e.Items() {
		if o.Class || o.Role != epcis.RoleEPC && o.Role != epcis.RoleParent {
			continue
		}
		c, ok := t.containers.Get(o.Canonical)
		if !ok || !c.open {
			continue
		}
		t.containers.Touch(c.epc)
		if c.isShipped && c.shippedBy == r.Hash {
			c.isShipped, c.places = false, nil
		}
		t.told(c)
		t.input(c, Input{Kind: KindWithdrawn, At: at, Event: r.Hash})
		if c.isEnded && c.endedBy == r.Hash {
			t.reopen(c)
		}
		t.judge(c, true)
	}
}

// whereabouts are the places an event happened at.
func whereabouts(e *epcis.Event) []string {
	var places []string
	for _, l := range []*epcis.Location{e.BizLocation, e.ReadPoint} {
		if l == nil || l.ID == "" {
			continue
		}
		if key := PlaceKey(l.ID); len(key) <= MaxText {
			places = append(places, key)
		}
	}
	return places
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(p string) bool { return slices.Contains(b, p) })
}

// sensors takes readings that stand in an event.
func (t *Tracker) sensors(e *ledgerEvent) {
	if len(e.SensorElements) == 0 {
		return
	}
	measured := samples(e.Event)
	if len(measured) == 0 {
		return
	}
	var done []string
	for _, o := range e.objects {
		for _, epc := range []string{o.Canonical, e.containers[o.Canonical]} {
			c, ok := t.containers.Get(epc)
			if !ok || !c.open || slices.Contains(done, epc) {
				continue
			}
			if len(done) == maxDepth {
				t.spoil(c, whyCrowd)
				continue
			}
			done = append(done, epc)
			t.containers.Touch(epc)
			t.measures(c, o.Canonical)
			for _, in := range seriesOf(measured, e.hash) {
				t.input(c, in)
			}
			t.judge(c, false)
		}
	}
}

// seriesOf groups samples by device and quantity, each group in order of time.
func seriesOf(measured []sample, hash ledger.Digest) []Input {
	sorted := slices.Clone(measured)
	slices.SortStableFunc(sorted, func(a, b sample) int {
		return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.quantity, b.quantity), cmp.Compare(a.at, b.at))
	})
	var out []Input
	for i, s := range sorted {
		if i == 0 || s.device != sorted[i-1].device || s.quantity != sorted[i-1].quantity {
			out = append(out, Input{Kind: KindReadings, Event: hash, Device: s.device, Channels: []ledger.Channel{{Quantity: s.quantity}}})
		}
		in := &out[len(out)-1]
		if n := len(in.Times); n > 0 && in.Times[n-1] == s.at {
			continue
		}
		in.At = s.at
		in.Times = append(in.Times, s.at)
		in.Channels[0].Values = append(in.Channels[0].Values, s.value)
	}
	return out
}
