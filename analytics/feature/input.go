// Package feature turns what the ledger recorded into what a verdict rests on: it follows, in
// ledger order, which device is bound to which container, which goods and so which policy are in
// it, when it was shipped and received and which findings concern it, and says when a judgement is
// due. It is pure and its results rest on ledger order alone, so every organisation that reads the
// same blocks sees the same shipments and the same windows. It may import epcis, ledger, wire,
// analytics/canon and analytics/coldchain; no clock, no gonum, no result that depends on map order.
package feature

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Kind says what an input tells of a shipment.
type Kind uint8

// The kinds.
const (
	KindPolicy   Kind = 1 // Policy applies from here on; Default if no product asked for it
	KindBind     Kind = 2 // Device was attached at At
	KindUnbind   Kind = 3 // Device was removed at At
	KindShipped  Kind = 4 // it left at At for Places
	KindReceived Kind = 5 // it was received at At in Places
	KindReadings Kind = 6 // Device measured Channels at Times
	KindFinding  Kind = 7 // Finding concerns it or something in it
	KindEnded    Kind = 8 // its journey ended at At
	// KindStep: at At the event Event did Step, a business step, with it in Places.
	KindStep Kind = 9
	// KindWithdrawn: its recorder declared Event, which an earlier input rests on, in error.
	KindWithdrawn Kind = 10
	// KindClosed: Finding, which an earlier input told, holds no longer.
	KindClosed Kind = 11
	// KindReopened: the journey goes on, since the event that ended it was declared in error.
	KindReopened Kind = 12
)

// Limits of one input, so that its canonical form can be read back within bounds.
const (
	MaxText     = 2_048
	MaxPlaces   = 16
	maxTimes    = 1 << 20
	maxChannels = 16
)

// Input is one thing that the ledger recorded of a shipment.
type Input struct {
	Kind    Kind
	At      ledger.Millis // the event's own time; for readings that of the last
	Event   ledger.Digest // the event that told it; zero for readings of a segment
	Device  string        // canonical; empty for readings of an event that names no device
	Places  []string      // see PlaceKey
	Origin  string        // of a shipping: the place it left, empty if it is not said
	Step    string        // the event's business step
	Policy  *ledger.Policy
	Default bool
	Finding ledger.Finding

	Seq      uint64        // of the segment
	Segment  ledger.Digest // of the segment; zero for readings of an event
	Times    []ledger.Millis
	Channels []ledger.Channel
}

// Code writes or reads the canonical form, which the digest of a verdict's inputs covers.
func (in *Input) Code(c *canon.Coder) {
	canon.Uint(c, &in.Kind)
	canon.Int(c, &in.At)
	c.Raw(in.Event[:])
	canon.String(c, &in.Device, MaxText)
	canon.Slice(c, &in.Places, MaxPlaces, func(c *canon.Coder, s *string) { canon.String(c, s, MaxText) })
	canon.String(c, &in.Origin, MaxText)
	canon.String(c, &in.Step, MaxText)
	has := in.Policy != nil
	c.Bool(&has)
	if has {
		if c.Reading() {
			in.Policy = new(ledger.Policy)
		}
		coldchain.CodePolicy(c, in.Policy)
	}
	c.Bool(&in.Default)
	CodeFinding(c, &in.Finding)
	canon.Uint(c, &in.Seq)
	c.Raw(in.Segment[:])
	codeTimes(c, &in.Times)
	canon.Slice(c, &in.Channels, maxChannels, codeChannel)
}

// CodeFinding writes or reads a finding.
func CodeFinding(c *canon.Coder, f *ledger.Finding) {
	canon.String(c, &f.Code, MaxText)
	canon.String(c, &f.Item, MaxText)
	c.Raw(f.Event[:])
	c.Raw(f.Other[:])
	canon.String(c, &f.Detail, 2*MaxText)
}

// codeTimes writes differences, which are short.
func codeTimes(c *canon.Coder, times *[]ledger.Millis) {
	var last ledger.Millis
	canon.Slice(c, times, maxTimes, func(c *canon.Coder, t *ledger.Millis) {
		d := *t - last
		canon.Int(c, &d)
		if c.Reading() { // what is written may be shared
			*t = last + d
		}
		last = *t
	})
}

func codeChannel(c *canon.Coder, ch *ledger.Channel) {
	canon.Uint(c, &ch.Quantity)
	canon.Slice(c, &ch.Values, maxTimes, func(c *canon.Coder, v *int32) { canon.Int(c, v) })
}

// StepKind says what to do with a shipment.
type StepKind uint8

// The kinds of steps.
const (
	StepOpen   StepKind = 1 // a journey begins
	StepInput  StepKind = 2 // Input was recorded
	StepJudge  StepKind = 3 // a judgement is due
	StepRetire StepKind = 4 // the journey is over, nothing more will be asked about it
)

// Step is one step of a shipment, in ledger order.
type Step struct {
	Kind     StepKind
	Shipment string // canonical EPC of the container
	Input    Input
	// Final says of a judgement that the journey has ended. A final judgement may come again, when
	// data arrive late; each is a window of its own.
	Final bool
	// Forced says of a judgement that it is due whatever least time between windows a policy asks for.
	Forced bool

	journey uint64 // number of the journey among all
}
