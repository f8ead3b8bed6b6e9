package ledger

import (
	"bytes"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// EventInput is one event to record, parsed and hashed.
type EventInput struct {
	Event *epcis.Event
	Hash  Digest
	Body  Digest // of the exact text
	At    Millis // event time
	// Items are the instances the event names, each with its part in it, once each.
	Items []Part
	// Claims is the eventID that the event takes for itself, empty if none: an event hash is a claim
	// of content and not a name, and an error declaration repeats the name of the event it declares.
	Claims string
	// SeenAt is where the items were: the canonical readPoint, else bizLocation; empty if neither is given.
	SeenAt string
	// Place is where the items are afterwards: the canonical bizLocation, else readPoint.
	Place string
	// Places are the event's readPoint and bizLocation, canonical, once each.
	Places []string
	// Destination is where a shipping goes: the canonical location, else possessing, else owning party.
	Destination string
	// Amounts are the stated quantities of classes.
	Amounts []Amount
	// Mismatch tells that the eventID is an event hash and not this event's.
	Mismatch bool
}

// Part is an instance of an event with its role there.
type Part struct {
	EPC  string // canonical
	Role epcis.Role
}

// hashScheme is how an eventID begins that claims to be a hash (RFC 6920).
const hashScheme = "ni:///sha-256;"

// ReadEvent parses, validates and hashes one event that is read in context; raw is that context's
// text, empty for the default. It refuses what is not EPCIS, not compact or beyond the limits.
func ReadEvent(context *epcis.Context, raw, body []byte) (EventInput, error) {
	if len(body) > MaxEventBytes {
		return EventInput{}, refuse(ErrTooLarge, "an event of %d bytes, at most %d are allowed", len(body), MaxEventBytes)
	}
	event, err := context.ParseEvent(body)
	if err != nil {
		return EventInput{}, err
	}
	if !compact(body) {
		return EventInput{}, refuse(ErrMalformed, "white space between the tokens of an event; send it compact")
	}
	in := EventInput{
		Event: event,
		Hash:  Digest(event.Hash()),
		Body:  BodyDigest(raw, body),
		At:    MillisOf(event.EventTime.Instant),
	}
	if err = in.locate(); err != nil {
		return EventInput{}, err
	}
	for _, s := range [...]string{string(event.BizStep), string(event.Disposition)} {
		if len(s) > MaxRegisterBytes {
			return EventInput{}, refuse(ErrTooLarge, "a business step, disposition or place of %d bytes, at most %d are allowed", len(s), MaxRegisterBytes)
		}
	}
	items := event.Items()
	in.Amounts = amountsOf(items)
	seen := make(map[Part]struct{}, len(items))
	for _, it := range items {
		p := Part{EPC: it.Canonical, Role: it.Role}
		if _, twice := seen[p]; twice || it.Class {
			continue
		}
		if len(p.EPC) > MaxIdentifierBytes {
			return EventInput{}, refuse(ErrTooLarge, "an identifier of %d bytes, at most %d are allowed", len(p.EPC), MaxIdentifierBytes)
		}
		seen[p] = struct{}{}
		in.Items = append(in.Items, p)
	}
	if n := in.Weight(); n > MaxEventItems {
		return EventInput{}, refuse(ErrTooLarge, "an event of %d instances and amounts of lots, at most %d are allowed", n, MaxEventItems)
	}
	switch id := event.EventID; {
	case id == "":
	case len(id) > MaxIdentifierBytes:
		return EventInput{}, refuse(ErrTooLarge, "an eventID of %d bytes, at most %d are allowed", len(id), MaxIdentifierBytes)
	case strings.HasPrefix(id, hashScheme):
		named, err := epcis.ParseHash(id)
		in.Mismatch = err != nil || Digest(named) != in.Hash
	case !event.IsErrorDeclaration():
		in.Claims = id
	}
	return in, nil
}

// Weight is how many states of items and accounts the event may bear on, of which MaxEventItems and
// MaxBatchItems are the bounds: its instances, and each lot in each unit that it states an amount of.
func (in EventInput) Weight() int {
	n := len(in.Items)
	if len(in.Amounts) == 0 {
		return n
	}
	seen := make(map[[2]string]struct{}, len(in.Amounts))
	for _, a := range in.Amounts {
		if a.Exact && strings.Contains(a.Class, lotPart) {
			seen[[2]string{a.Class, a.UOM}] = struct{}{}
		}
	}
	return n + len(seen)
}

// locate reads where the event happened and where what it ships goes.
func (in *EventInput) locate() error {
	for _, l := range [...]*epcis.Location{in.Event.ReadPoint, in.Event.BizLocation} {
		if l == nil || l.ID == "" {
			continue
		}
		id := CanonicalPlace(l.ID)
		if len(id) > MaxRegisterBytes {
			return refuse(ErrTooLarge, "a business step, disposition or place of %d bytes, at most %d are allowed", len(id), MaxRegisterBytes)
		}
		in.Place = id // the last one, which is the bizLocation if there is one
		if in.SeenAt == "" {
			in.SeenAt = id
		}
		if len(in.Places) == 0 || in.Places[0] != id {
			in.Places = append(in.Places, id)
		}
	}
	if in.Event.BizStep != "shipping" {
		return nil
	}
	for _, kind := range [...]string{"location", "possessing_party", "owning_party"} {
		for _, d := range in.Event.Destinations {
			if d.Type == kind && in.Destination == "" {
				in.Destination = CanonicalPlace(d.ID)
			}
		}
	}
	if len(in.Destination) > MaxRegisterBytes {
		return refuse(ErrTooLarge, "a destination of %d bytes, at most %d are allowed", len(in.Destination), MaxRegisterBytes)
	}
	return nil
}

// compact reports whether JSON text has no white space between its tokens.
func compact(text []byte) bool {
	if !bytes.ContainsAny(text, " \n\r\t") {
		return true
	}
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == ' ' || c == '\n' || c == '\r' || c == '\t'):
			return false
		}
	}
	return true
}

// EventView is what the ledger holds that bears on an event.
type EventView struct {
	Recorded *EventRecord // the record of its hash, if any
	Restated *EventRecord // the restatement of this very text, if any
	Bearer   *Digest      // the event that bears the eventID it claims within the organisation, if any
}

// EventDecision is what becomes of an event.
type EventDecision struct {
	Status      Status
	Restatement bool
	RecordedIn  string // for a duplicate that changes nothing: the transaction that recorded it
	// Record is to be written when RecordedIn is empty: under the event's hash, or for a restatement
	// under its hash and body.
	Record   EventRecord
	ClaimsID bool // the eventID is to be written
	// DeclareInError tells that the event's own record is to be marked.
	DeclareInError bool
}

// DecideEvent decides on one event; its effects on items are those of Apply, wanted exactly when the
// status is StatusRecorded. Position is where its body will lie in the transaction's pack.
//
// An event is its content: the same hash is the same event, whatever its spelling. The first text is
// its record, others are restatements. Refused is only an eventID that another event of the same
// organisation bears: an organisation answers for its own ids and cannot occupy another's.
func DecideEvent(in EventInput, view EventView, tx Tx, position int) (EventDecision, error) {
	if err := checkNotFuture("the event", in.At, tx.Time); err != nil {
		return EventDecision{}, err
	}
	if view.Recorded != nil && view.Recorded.BodyDigest == in.Body {
		return EventDecision{Status: StatusDuplicate, RecordedIn: view.Recorded.TxID}, nil
	}
	// Only who recorded an event may declare it in error; another's declaration is kept as its word, and
	// does not take the recorder's own, in the same words, from it.
	declares := view.Recorded != nil && in.Event.IsErrorDeclaration() && !view.Recorded.DeclaredInError && view.Recorded.MSPID == tx.Actor.MSPID
	if view.Recorded != nil && view.Restated != nil && !declares {
		return EventDecision{Status: StatusDuplicate, Restatement: true, RecordedIn: view.Restated.TxID}, nil
	}
	if in.Claims != "" && view.Bearer != nil && *view.Bearer != in.Hash {
		return EventDecision{}, refuse(ErrConflict, "the eventID %s belongs to event %s; give this event an id of its own", in.Claims, view.Bearer)
	}
	d := EventDecision{
		Status:   StatusRecorded,
		ClaimsID: in.Claims != "" && view.Bearer == nil,
		Record: EventRecord{
			TxID: tx.ID, Index: position, BodyDigest: in.Body, MSPID: tx.Actor.MSPID, RecordedAt: tx.Time,
			EventID: in.Event.EventID, DeclaredInError: in.Event.IsErrorDeclaration(),
		},
	}
	if view.Recorded == nil {
		return d, nil
	}
	d.Status, d.Restatement, d.DeclareInError = StatusDuplicate, true, declares
	return d, nil
}
