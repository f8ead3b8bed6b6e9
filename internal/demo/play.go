package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// ErrRefused says that the API refused what the demo sent. Of a simulated day nothing may be refused.
var ErrRefused = errors.New("WB_DEMO_REFUSED")

// ErrProtocol says that the API answered what its protocol does not allow.
var ErrProtocol = errors.New("WB_PROTOCOL: the API's answer does not fit the request")

const (
	callTimeout = time.Minute
	// atOnce bounds the shipments under way at a time: enough to fill batches, few enough for a day of thousands.
	atOnce      = 64
	maxRegister = 500
)

// dialer gives connections to an organisation's API as one of its identities, and its profile.
type dialer interface {
	Dial(organisation, identity string) (*grpc.ClientConn, error)
	Profile(organisation string) (*profile.Profile, error)
}

// clients are an organisation's systems, each with an identity of its own.
type clients struct {
	capture waybillv1.CaptureServiceClient    // the company's
	push    waybillv1.TelemetryServiceClient  // the IoT gateway's
	devices waybillv1.TelemetryServiceClient  // the registrar's
	policy  waybillv1.PolicyServiceClient     // the registrar's
	master  waybillv1.MasterDataServiceClient // the registrar's
}

// counts is what was sent and answered so far.
type counts struct {
	policies, devices, master, events, segments, readings atomic.Int64
	// block is the highest that an event of the demo was recorded in.
	block atomic.Uint64
}

// recorded notes the block of an event.
func (c *counts) recorded(block uint64) {
	for {
		highest := c.block.Load()
		if block <= highest || c.block.CompareAndSwap(highest, block) {
			return
		}
	}
}

func (c *counts) sent() Sent {
	return Sent{
		Policies: int(c.policies.Load()), Devices: int(c.devices.Load()), MasterData: int(c.master.Load()), Events: int(c.events.Load()),
		Segments: int(c.segments.Load()), Readings: int(c.readings.Load()),
	}
}

// player sends a day through the public API, as the organisations' systems would.
type player struct {
	orgs map[string]*clients
	msps map[string]string // MSP IDs, by organisation
	sent *counts
}

func newPlayer(d dialer, organisations []string) (*player, error) {
	p := &player{orgs: map[string]*clients{}, msps: map[string]string{}, sent: &counts{}}
	for _, org := range organisations {
		own, err := d.Profile(org)
		if err != nil {
			return nil, err
		}
		p.msps[org] = own.MSPID
		conn := map[string]*grpc.ClientConn{}
		for _, id := range []string{profile.IdentityCompany, profile.IdentityGateway, profile.IdentityRegistrar} {
			var err error
			if conn[id], err = d.Dial(org, id); err != nil {
				return nil, err
			}
		}
		p.orgs[org] = &clients{
			capture: waybillv1.NewCaptureServiceClient(conn[profile.IdentityCompany]),
			push:    waybillv1.NewTelemetryServiceClient(conn[profile.IdentityGateway]),
			devices: waybillv1.NewTelemetryServiceClient(conn[profile.IdentityRegistrar]),
			policy:  waybillv1.NewPolicyServiceClient(conn[profile.IdentityRegistrar]),
			master:  waybillv1.NewMasterDataServiceClient(conn[profile.IdentityRegistrar]),
		}
	}
	return p, nil
}

func (p *player) of(org string) (*clients, error) {
	c, ok := p.orgs[org]
	if !ok {
		return nil, fmt.Errorf("%w: the day names organisation %q, which has no server here", ErrRefused, org)
	}
	return c, nil
}

// play sends policies, devices and master data first, then each shipment's events and segments in their
// order, and those of each strand of the story, many at once: each piece is sent when the one before it
// was answered, as it would be in the world, where hours lie between them.
func (p *player) play(ctx context.Context, day *simulate.Day, story *simulate.Recall) error {
	var setUp []simulate.Action
	lives := map[string][]simulate.Action{}
	var order []string
	for _, a := range slices.Concat(story.Actions, day.Actions) {
		switch a.Kind {
		case simulate.KindPolicy, simulate.KindDevice:
			setUp = append(setUp, a)
		default:
			if lives[a.Shipment] == nil {
				order = append(order, a.Shipment)
			}
			lives[a.Shipment] = append(lives[a.Shipment], a)
		}
	}
	if err := p.setUp(ctx, setUp, story.Master); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, shipment := range order {
		group.Go(func() error {
			if err := p.live(ctx, lives[shipment]); err != nil {
				return fmt.Errorf("shipment %s: %w", shipment, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// setUp registers policies, devices and master data, each organisation its own.
func (p *player) setUp(ctx context.Context, actions []simulate.Action, master []simulate.Master) error {
	group, ctx := errgroup.WithContext(ctx)
	for org := range p.orgs {
		var policies []*waybillv1.Policy
		var devices []*waybillv1.DeviceKey
		for _, a := range actions {
			switch {
			case a.Org != org:
			case a.Policy != nil:
				policies = append(policies, client.PolicyMessage(*a.Policy))
			case a.Device != nil:
				devices = append(devices, deviceMessage(*a.Device))
			}
		}
		group.Go(func() error { return p.setPolicies(ctx, org, policies) })
		group.Go(func() error { return p.register(ctx, org, devices) })
		group.Go(func() error { return p.registerMaster(ctx, org, master) })
	}
	return group.Wait()
}

func (p *player) setPolicies(ctx context.Context, org string, policies []*waybillv1.Policy) error {
	if len(policies) == 0 {
		return nil
	}
	c, err := p.of(org)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.policy.SetPolicies(ctx, &waybillv1.SetPoliciesRequest{Policies: policies})
	if err != nil {
		return fmt.Errorf("setting policies: %w", err)
	}
	for _, r := range answer.GetResults() {
		if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED {
			return fmt.Errorf("%w: policy %s: %s: %s", ErrRefused, r.GetId(), r.GetCode(), r.GetMessage())
		}
	}
	p.sent.policies.Add(int64(len(policies)))
	return nil
}

func (p *player) register(ctx context.Context, org string, devices []*waybillv1.DeviceKey) error {
	c, err := p.of(org)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(devices, maxRegister) {
		callCtx, cancel := context.WithTimeout(ctx, callTimeout)
		answer, err := c.devices.RegisterDevices(callCtx, &waybillv1.RegisterDevicesRequest{Devices: part})
		cancel()
		if err != nil {
			return fmt.Errorf("registering devices: %w", err)
		}
		for _, r := range answer.GetResults() {
			if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED {
				return fmt.Errorf("%w: device %s: %s: %s", ErrRefused, r.GetId(), r.GetCode(), r.GetMessage())
			}
		}
		p.sent.devices.Add(int64(len(part)))
	}
	return nil
}

// registerMaster registers an organisation's master data. What a demo before this one registered stays as it is.
func (p *player) registerMaster(ctx context.Context, org string, all []simulate.Master) error {
	var data []*waybillv1.MasterDatum
	for _, m := range all {
		if m.Org == org {
			data = append(data, p.masterMessage(m))
		}
	}
	if len(data) == 0 {
		return nil
	}
	c, err := p.of(org)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.master.RegisterMasterData(ctx, &waybillv1.RegisterMasterDataRequest{Data: data})
	if err != nil {
		return fmt.Errorf("registering master data: %w", err)
	}
	for _, r := range answer.GetResults() {
		if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED {
			return fmt.Errorf("%w: %s %s: %s: %s", ErrRefused, r.GetKind(), r.GetId(), r.GetCode(), r.GetMessage())
		}
	}
	p.sent.master.Add(int64(len(data)))
	return nil
}

func (p *player) masterMessage(m simulate.Master) *waybillv1.MasterDatum {
	out := &waybillv1.MasterDatum{}
	switch d := m.Datum; d.Kind() {
	case ledger.MasterPrefix:
		out.Datum = &waybillv1.MasterDatum_Prefix{Prefix: &waybillv1.CompanyPrefix{Prefix: d.Prefix.Prefix}}
	case ledger.MasterPlace:
		place := &waybillv1.Place{Id: d.Place.ID, Name: d.Place.Name, Position: &waybillv1.LatLon{Latitude: d.Place.Position.Lat, Longitude: d.Place.Position.Lon}}
		for _, org := range m.Operators {
			place.Operators = append(place.Operators, p.msps[org])
		}
		out.Datum = &waybillv1.MasterDatum_Place{Place: place}
	case ledger.MasterProduct:
		out.Datum = &waybillv1.MasterDatum_Product{Product: &waybillv1.Product{Id: d.Product.ID, Name: d.Product.Name, Balance: d.Product.Balance}}
	case ledger.MasterLane:
		lane := &waybillv1.Lane{From: d.Lane.From, To: d.Lane.To, Name: d.Lane.Name, MaxSpeed: d.Lane.MaxSpeed}
		if d.Lane.Window > 0 {
			lane.Window = durationpb.New(time.Duration(d.Lane.Window) * time.Millisecond)
		}
		out.Datum = &waybillv1.MasterDatum_Lane{Lane: lane}
	case ledger.MasterRules: // what the network agrees on is not the demo's to change
	}
	return out
}

// live sends one shipment's actions in their order. Neighbours of the same organisation and kind
// travel together.
func (p *player) live(ctx context.Context, actions []simulate.Action) error {
	for len(actions) > 0 {
		n := 1
		for n < len(actions) && actions[n].Org == actions[0].Org && actions[n].Kind == actions[0].Kind {
			n++
		}
		var err error
		if actions[0].Kind == simulate.KindEvent {
			entries := make([]wire.EventEntry, n)
			for i, a := range actions[:n] {
				entries[i] = *a.Event
			}
			err = p.capture(ctx, actions[0].Org, entries)
		} else {
			segments := make([]sentSegment, n)
			for i, a := range actions[:n] {
				segments[i] = sentSegment{a.Segment.Signed, readingsOf(a.Segment.Readings)}
			}
			err = p.push(ctx, actions[0].Org, segments)
		}
		if err != nil {
			return err
		}
		actions = actions[n:]
	}
	return nil
}

// capture sends events that stand under one context, those of others in calls of their own.
func (p *player) capture(ctx context.Context, org string, entries []wire.EventEntry) error {
	c, err := p.of(org)
	if err != nil {
		return err
	}
	for len(entries) > 0 {
		list := &waybillv1.EventList{Context: entries[0].Context}
		for len(entries) > 0 && string(entries[0].Context) == string(list.GetContext()) {
			list.Events = append(list.Events, entries[0].Body)
			entries = entries[1:]
		}
		callCtx, cancel := context.WithTimeout(ctx, callTimeout)
		answer, err := c.capture.CaptureEvents(callCtx, &waybillv1.CaptureEventsRequest{Source: &waybillv1.CaptureEventsRequest_Events{Events: list}})
		cancel()
		if err != nil {
			return fmt.Errorf("capturing events of %s: %w", org, err)
		}
		if len(answer.GetResults()) != len(list.GetEvents()) {
			return fmt.Errorf("%w: %d answers to %d events", ErrProtocol, len(answer.GetResults()), len(list.GetEvents()))
		}
		for _, r := range answer.GetResults() {
			if r.GetStatus() != waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED && r.GetStatus() != waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE {
				return fmt.Errorf("%w: event %s of %s: %s: %s", ErrRefused, r.GetHash(), org, r.GetCode(), r.GetMessage())
			}
			p.sent.recorded(r.GetBlock())
		}
		p.sent.events.Add(int64(len(list.GetEvents())))
	}
	return nil
}

// sentSegment is a signed segment and how many values it holds.
type sentSegment struct {
	wire.SignedSegment
	readings int
}

// push sends segments over a stream and waits for their answers.
func (p *player) push(ctx context.Context, org string, segments []sentSegment) error {
	c, err := p.of(org)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req := &waybillv1.PushSegmentsRequest{}
	for _, s := range segments {
		req.Segments = append(req.Segments, &waybillv1.SignedSegment{Payload: s.Payload, Signature: s.Signature})
	}
	results, err := pushAll(ctx, c.push, []*waybillv1.PushSegmentsRequest{req}, nil)
	if err != nil {
		return fmt.Errorf("pushing readings of %s: %w", org, err)
	}
	if len(results) != len(segments) {
		return fmt.Errorf("%w: %d answers to %d segments", ErrProtocol, len(results), len(segments))
	}
	for i, r := range results {
		if r.GetStatus() != waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED && r.GetStatus() != waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE {
			return fmt.Errorf("%w: segment %d of %s: %s: %s", ErrRefused, r.GetSequence(), r.GetDevice(), r.GetCode(), r.GetMessage())
		}
		p.sent.segments.Add(1)
		p.sent.readings.Add(int64(segments[i].readings))
	}
	return nil
}

// readingsOf counts a segment's values.
func readingsOf(s ledger.Segment) int { return len(s.Times) * len(s.Channels) }

// pushAll sends requests over one stream and gathers the answers until the server ends it; heard, if
// any, is told of each.
func pushAll(ctx context.Context, c waybillv1.TelemetryServiceClient, requests []*waybillv1.PushSegmentsRequest, heard func(*waybillv1.SegmentResult)) ([]*waybillv1.SegmentResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.PushSegments(ctx)
	if err != nil {
		return nil, err
	}
	sent := make(chan error, 1)
	go func() {
		for _, r := range requests {
			if err := stream.Send(r); err != nil {
				sent <- err // the receiving side learns the reason
				return
			}
		}
		sent <- stream.CloseSend()
	}()
	var results []*waybillv1.SegmentResult
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return results, <-sent
		}
		if err != nil {
			return results, err
		}
		for _, r := range answer.GetResults() {
			results = append(results, r)
			if heard != nil {
				heard(r)
			}
		}
	}
}

func deviceMessage(d ledger.Device) *waybillv1.DeviceKey {
	algorithm := waybillv1.KeyAlgorithm_KEY_ALGORITHM_ED25519
	if d.Algorithm == ledger.KeyECDSAP256 {
		algorithm = waybillv1.KeyAlgorithm_KEY_ALGORITHM_ECDSA_P256
	}
	return &waybillv1.DeviceKey{Id: d.ID, Algorithm: algorithm, PublicKey: d.PublicKey}
}
