package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/simulate"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
)

const assessor = "assessor"

// TestEndToEndAMemberWithoutAPeerReadsAndJudgesAndRecordsNothing has the assessor judge what the carrier
// recorded, through the peers of others, of which the first is stopped half way.
func TestEndToEndAMemberWithoutAPeerReadsAndJudgesAndRecordsNothing(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	const org = "carrier"
	p := l.profile(t, assessor)
	if len(p.Peers[p.MSPID]) != 0 || len(p.GatewayPeers) != 3 {
		t.Fatalf("the assessor has %d peers and may talk to %d", len(p.Peers[p.MSPID]), len(p.GatewayPeers))
	}
	for _, process := range l.net.Status().Processes {
		if strings.Contains(process.Name, assessor) {
			t.Errorf("%s runs", process.Name)
		}
	}
	first := p.GatewayPeers[0].Name

	t.Run("its roles are all it may write by", func(t *testing.T) { assessorIsRefused(ctx, t, l) })

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	day, err := simulate.New(simulate.Config{Seed: seed, Now: time.Now().Add(-time.Hour), Shipments: 2, SegmentReadings: 120})
	if err != nil {
		t.Fatal(err)
	}
	l.serve(ctx, t, org, "--role", "api,readmodel", "--anchor-every", "250ms")
	l.serve(ctx, t, "producer", "--role", "readmodel", "--anchor-every", "250ms")
	l.setUp(ctx, t, org, day)
	judge := l.serve(ctx, t, assessor, "--role", "scorer")

	s := &sent{events: map[ledger.Digest]bool{}, segments: map[segmentID]ledger.Digest{}}
	company, gateway := l.dial(t, org, profile.IdentityCompany), l.dial(t, org, profile.IdentityGateway)
	send := func(shipment string) {
		t.Helper()
		for _, a := range day.Actions {
			if a.Shipment != shipment {
				continue
			}
			var err error
			switch a.Kind {
			case simulate.KindEvent:
				err = s.event(ctx, company, a.Event.Context, a.Event.Body)
			case simulate.KindSegment:
				err = s.segment(ctx, gateway, a.Segment)
			default:
			}
			if err != nil {
				t.Fatalf("shipment %s: %v", shipment, err)
			}
		}
	}
	judged := func(shipment string) {
		t.Helper()
		until(ctx, t, "the assessor's final verdict is on the ledger", func() error {
			var last ledger.Verdict
			for _, v := range l.ledger(ctx, t).verdicts {
				if v[0].Shipment == shipment && v[0].Window >= last.Window {
					last = v[0]
				}
				if v[0].Shipment == shipment && v[0].Scorer != p.MSPID {
					t.Fatalf("a verdict of %s by %s", shipment, v[0].Scorer)
				}
			}
			if !last.Final {
				return fmt.Errorf("the last is of window %d", last.Window)
			}
			return nil
		})
	}
	send(day.Truth[0].Shipment)
	judged(day.Truth[0].Shipment)

	// Its first choice among the peers of others stops under it; a majority of those with peers goes on.
	if err := l.net.StopProcess(ctx, first); err != nil {
		t.Fatal(err)
	}
	started := false
	start := func() {
		if err := l.net.StartProcess(context.WithoutCancel(ctx), first); err != nil && !started {
			t.Error(err)
		}
		started = true
	}
	defer start()
	send(day.Truth[1].Shipment)
	judged(day.Truth[1].Shipment)
	assessorReadsAllBlocks(ctx, t, l)
	// One that begins while the peer is down finds its way too.
	if code := judge.end(ctx, t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	l.serve(ctx, t, assessor, "--role", "scorer", "--metrics", "off")
	start()

	t.Run("it checks the roots of others and is not missed among them", func(t *testing.T) { assessorIsAWitness(ctx, t, l) })
}

// assessorIsRefused calls what the assessor's identities do not allow, and what they do.
func assessorIsRefused(ctx context.Context, t *testing.T, l *lab) {
	p := l.profile(t, assessor)
	for name, allowed := range map[string][]string{
		profile.IdentityService:   {wire.FnRecordVerdicts, wire.FnTransact, wire.FnSubmitModels},
		profile.IdentityScorer:    {wire.FnRecordVerdicts},
		profile.IdentityDashboard: nil,
	} {
		client, err := fabric.Dial(p, name, fabric.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for _, function := range []string{
			wire.FnRecordEvents, wire.FnReview, wire.FnRecordSegments, wire.FnRegisterDevices, wire.FnSetPolicies, wire.FnRegisterMaster,
			wire.FnRecordElements, wire.FnAnchorRoots, wire.FnRecordVerdicts, wire.FnTransact, wire.FnSubmitModels,
		} {
			// The caller is looked at before what it brings, which here is nothing that any of them takes.
			_, err := client.Endorse(ctx, function, []byte("nothing"))
			refusal := err != nil && strings.Contains(err.Error(), ledger.CodeUnauthorised)
			if err == nil || refusal == slices.Contains(allowed, function) {
				t.Errorf("%s as %s: %v", function, name, err)
			}
		}
	}
	if _, err := p.Identity(profile.IdentityCompany); err == nil {
		t.Error("the assessor has an identity that records")
	}
	file := writeFile(t, "event.json", document(commissioning(time.Now().Add(-time.Hour))))
	if r := l.run(ctx, t, "capture", "--org", assessor, "--json", file); r.code == 0 || r.stableCode(t) != "WB_PROFILE_INVALID" {
		t.Errorf("capture: exit code %d, %s", r.code, tail(r.stderr))
	}
}

// assessorReadsAllBlocks reads the chain from its first block, verified, and finds what a peer's owner finds.
func assessorReadsAllBlocks(ctx context.Context, t *testing.T, l *lab) {
	t.Helper()
	read := func(org string, upTo uint64) (hashes [][32]byte) {
		stream, _ := l.stream(t, org)
		if upTo == 0 {
			upTo = l.height(ctx, t)
		}
		for b, err := range stream.Blocks(ctx, 0) {
			if err != nil {
				t.Fatalf("%s after %d blocks: %v", org, len(hashes), err)
			}
			if hashes = append(hashes, b.Hash); uint64(len(hashes)) >= upTo {
				break
			}
		}
		return hashes
	}
	all := read(assessor, 0)
	if len(all) < 3 || !slices.Equal(all, read("retailer", uint64(len(all)))) {
		t.Errorf("the assessor's %d blocks are not the retailer's", len(all))
	}
}

// assessorIsAWitness runs a whole server of the assessor: it has the proof log and no root of its own.
func assessorIsAWitness(ctx context.Context, t *testing.T, l *lab) {
	l.serve(ctx, t, assessor, "--role", "api,readmodel")
	height := l.ledger(ctx, t).height
	until(ctx, t, "it has read what there is", func() error {
		var status struct {
			ReadHeight json.Number `json:"read_height"`
		}
		r := l.run(ctx, t, "status", "--org", assessor, "--json")
		if err := json.Unmarshal([]byte(r.stdout), &status); err != nil {
			return fmt.Errorf("%w: %s%s", err, r.stdout, r.stderr)
		}
		if at, err := status.ReadHeight.Int64(); err != nil || at < int64(height) {
			return fmt.Errorf("%s of %d blocks", status.ReadHeight, height)
		}
		return nil
	})
	for _, org := range []string{assessor, "carrier"} {
		until(ctx, t, "a root that "+org+" takes for a majority's", func() error {
			r, by, err := l.roots(ctx, t, org)
			if err != nil {
				return err
			}
			if len(by) != 3 || by["AssessorMSP"] != nil {
				t.Fatalf("%s counts %d organisations: %v", org, len(by), r.GetOrganisations())
			}
			if r.GetAgreed() == nil || by["CarrierMSP"].GetStanding() != waybillv1.Standing_STANDING_AGREES {
				return fmt.Errorf("the carrier %s, agreed %v", by["CarrierMSP"].GetStanding(), r.GetAgreed())
			}
			return nil
		})
	}
	folder := t.TempDir()
	l.must(ctx, t, "roots", "export", "--org", assessor, folder)
	if files, err := os.ReadDir(folder); err != nil || len(files) != 3 {
		t.Errorf("%d root certificates, %v", len(files), err)
	}
	for _, anchored := range l.ledger(ctx, t).blocks {
		for _, tx := range anchored.Transactions {
			for _, a := range tx.Anchors {
				if a.MSPID == "AssessorMSP" {
					t.Fatalf("the assessor anchored at height %d", a.Root.Height)
				}
			}
		}
	}
}
