package e2e_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/api/anchor"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// roots asks an organisation's server how the organisations' roots stand.
func (l *lab) roots(ctx context.Context, t *testing.T, org string) (*waybillv1.ListRootsResponse, map[string]*waybillv1.OrganisationRoots, error) {
	t.Helper()
	r, err := waybillv1.NewProofServiceClient(l.dial(t, org, profile.IdentityDashboard)).ListRoots(ctx, &waybillv1.ListRootsRequest{})
	by := map[string]*waybillv1.OrganisationRoots{}
	for _, o := range r.GetOrganisations() {
		by[o.GetOrganisation()] = o
	}
	return r, by, err
}

// standing waits until an organisation's server sees another in that standing.
func (l *lab) standing(ctx context.Context, t *testing.T, seenBy, mspID string, want waybillv1.Standing) *waybillv1.OrganisationRoots {
	t.Helper()
	var found *waybillv1.OrganisationRoots
	until(ctx, t, fmt.Sprintf("%s sees %s as %s", seenBy, mspID, want), func() error {
		_, by, err := l.roots(ctx, t, seenBy)
		if err != nil {
			return err
		}
		if found = by[mspID]; found.GetStanding() != want {
			return fmt.Errorf("it is %s: %s", found.GetStanding(), found.GetWhy())
		}
		return nil
	})
	return found
}

// observe records an event of its own through an organisation and gives its hash.
func (l *lab) observe(ctx context.Context, t *testing.T, org string, serial int) string {
	t.Helper()
	document := fmt.Sprintf(`{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-03-01T08:00:00Z",
		"epcisBody":{"eventList":[{"type":"ObjectEvent","eventTime":"2026-03-01T08:00:00Z","eventTimeZoneOffset":"+00:00","epcList":["urn:epc:id:sgtin:9521321.000009.%d"],"action":"OBSERVE","bizStep":"inspecting"}]}}`, serial)
	file := filepath.Join(t.TempDir(), "event.jsonld")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	l.must(ctx, t, "capture", "--org", org, file)
	return strings.TrimSpace(l.must(ctx, t, "hash", file))
}

// anchorFalsely has an organisation state a root that is not the log's, through its own client.
func (l *lab) anchorFalsely(ctx context.Context, t *testing.T, org string, root *waybillv1.Root, genesis ledger.Digest) {
	t.Helper()
	p := l.profile(t, org)
	client, err := fabric.Dial(p, profile.IdentityService, fabric.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	raw, err := os.ReadFile(p.Identities[profile.IdentityService].Key)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := ledger.ParseDigest(root.GetHash())
	blockHash, err2 := ledger.ParseDigest(root.GetBlockHash())
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	hash[0] ^= 0xff
	signed, err := anchor.Sign(key.(crypto.Signer), p.MSPID, ledger.Root{Channel: p.Channel, Genesis: genesis, Height: root.GetHeight(), Block: blockHash, Size: root.GetSize(), Hash: hash}, ledger.MillisOf(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	writer := submit.New(client, submit.Config{})
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- writer.Run(running) }()
	outcomes, err := writer.Roots(ctx, []wire.SignedRoot{signed})
	stop()
	<-ended
	if err != nil || outcomes[0].Status != ledger.StatusRecorded {
		t.Fatal(outcomes, err)
	}
}

// TestEndToEndProofs has three organisations anchor, proves events to someone who holds nothing but
// their root certificates, and then has one lie and another stop.
func TestEndToEndProofs(t *testing.T) {
	ctx, l := endToEnd(t, 5*time.Minute)
	const often = "--anchor-every=250ms"
	servers := map[string]*serving{}
	for _, org := range []string{"producer", "carrier", "retailer"} {
		servers[org] = l.serve(ctx, t, org, often)
	}
	all := []string{"ProducerMSP", "CarrierMSP", "RetailerMSP"}

	first := l.observe(ctx, t, "producer", 1)
	for _, org := range []string{"producer", "retailer"} {
		for _, mspID := range all {
			until(ctx, t, mspID+" has anchored", func() error {
				r, by, err := l.roots(ctx, t, org)
				if err != nil {
					return err
				}
				if o := by[mspID]; o.GetStanding() != waybillv1.Standing_STANDING_AGREES || o.GetLast() == nil || o.GetFalseRoots() != 0 || r.GetAgreed() == nil {
					return fmt.Errorf("%v", o)
				}
				return nil
			})
		}
	}

	// Offline: an empty state folder, root certificates that were copied, a proof's file.
	outside := t.TempDir()
	rootsDir, proofFile := filepath.Join(outside, "roots"), filepath.Join(outside, "event.wbproof")
	l.must(ctx, t, "roots", "export", rootsDir)
	verify := func(file string) result {
		t.Helper()
		offline := &lab{dir: filepath.Join(outside, "nothing"), waybill: l.waybill}
		return offline.run(ctx, t, "verify", file, "--roots", rootsDir)
	}
	l.prove(ctx, t, "retailer", first, proofFile)
	if r := verify(proofFile); r.code != 0 || !strings.Contains(r.stdout, "PROVEN: event ") || !strings.Contains(r.stdout, "2 of the 3 organisations") {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	file, err := os.ReadFile(proofFile)
	if err != nil {
		t.Fatal(err)
	}
	const limit = 2000
	if t.Logf("a proof of %d bytes, the event enclosed", len(file)); len(file) > limit {
		t.Errorf("%d bytes", len(file))
	}
	forged := filepath.Join(outside, "forged.wbproof")
	for at := 0; at < len(file); at += 97 {
		other := append([]byte(nil), file...)
		other[at] ^= 1
		if err := os.WriteFile(forged, other, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := verify(forged); r.code != 1 || !strings.Contains(r.stderr, "WB_PROOF_") {
			t.Fatalf("byte %d: exit %d\n%s%s", at, r.code, r.stdout, r.stderr)
		}
	}
	// Organisations whose roots the auditor does not have.
	only := filepath.Join(outside, "one")
	if err := os.MkdirAll(only, 0o755); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(rootsDir, "RetailerMSP.pem"))
	if err == nil {
		err = os.WriteFile(filepath.Join(only, "RetailerMSP.pem"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r := l.run(ctx, t, "verify", proofFile, "--roots", only); r.code != 1 || !strings.Contains(r.stderr, "WB_PROOF_SIGNER") {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	// What was never recorded.
	if r := l.run(ctx, t, "prove", "event", strings.Repeat("0", 64), "-o", forged); r.code != 1 || !strings.Contains(r.stderr, "WB_NOT_FOUND") {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}

	// The carrier lies: its own client anchors a root that is not the log's.
	if code := servers["carrier"].end(ctx, t); code != 0 {
		t.Fatalf("exit %d", code)
	}
	before, _, err := l.roots(ctx, t, "producer")
	if err != nil {
		t.Fatal(err)
	}
	second := l.observe(ctx, t, "producer", 2)
	var latest *waybillv1.Root
	until(ctx, t, "a new root", func() error {
		r, _, err := l.roots(ctx, t, "producer")
		if err != nil {
			return err
		}
		if latest = r.GetAgreed(); latest.GetHeight() <= before.GetAgreed().GetHeight() {
			return errors.New("none yet")
		}
		return nil
	})
	l.anchorFalsely(ctx, t, "carrier", latest, l.genesisOf(ctx, t, proofFile))
	for _, org := range []string{"producer", "retailer"} {
		o := l.standing(ctx, t, org, "CarrierMSP", waybillv1.Standing_STANDING_DIFFERS)
		if o.GetFalseRoots() != 1 || o.GetLastFalse().GetRoot().GetHeight() != latest.GetHeight() || !strings.Contains(o.GetWhy(), "this node's is "+latest.GetHash()) {
			t.Errorf("%s: %v", org, o)
		}
	}
	if r := l.run(ctx, t, "roots", "list", "--org", "retailer"); r.code != 1 || !strings.Contains(r.stderr, "CarrierMSP") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	// Honest answers stay provable, by the two that agree.
	l.must(ctx, t, "prove", "event", second, first, "-o", proofFile, "--all")
	if r := verify(proofFile); r.code != 0 || strings.Count(r.stdout, "PROVEN: event ") != 2 || strings.Contains(r.stdout, "CarrierMSP (") {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	l.must(ctx, t, "prove", "root", "--from", fmt.Sprint(before.GetAgreed().GetHeight()), "-o", proofFile)
	if r := verify(proofFile); r.code != 0 || !strings.Contains(r.stdout, "continues the log") {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}

	// The carrier is honest again; what it did stays seen. The retailer stops.
	servers["carrier"] = l.serve(ctx, t, "carrier", often)
	if code := servers["retailer"].end(ctx, t); code != 0 {
		t.Fatalf("exit %d", code)
	}
	third := l.observe(ctx, t, "producer", 3)
	if o := l.standing(ctx, t, "producer", "CarrierMSP", waybillv1.Standing_STANDING_AGREES); o.GetFalseRoots() != 1 {
		t.Errorf("%v", o)
	}
	if o := l.standing(ctx, t, "carrier", "RetailerMSP", waybillv1.Standing_STANDING_LATE); o.GetBehindLeaves() == 0 || !strings.Contains(o.GetWhy(), "behind") {
		t.Errorf("%v", o)
	}
	l.prove(ctx, t, "producer", third, proofFile)
	if r := verify(proofFile); r.code != 0 {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	o := l.standing(ctx, t, "producer", "RetailerMSP", waybillv1.Standing_STANDING_ABSENT)
	if !strings.Contains(o.GetWhy(), "nothing since") {
		t.Errorf("%v", o)
	}
	servers["retailer"] = l.serve(ctx, t, "retailer", often)
	l.standing(ctx, t, "producer", "RetailerMSP", waybillv1.Standing_STANDING_AGREES)

	// Anchors add no leaves: with nothing new, nothing is anchored.
	settled, _, err := l.roots(ctx, t, "producer")
	if err != nil {
		t.Fatal(err)
	}
	fourth := l.observe(ctx, t, "retailer", 4)
	l.prove(ctx, t, "producer", fourth, proofFile)
	after, _, err := l.roots(ctx, t, "producer")
	if err != nil || after.GetAgreed().GetSize() != settled.GetAgreed().GetSize()+1 {
		t.Errorf("%v after %v, %v", after.GetAgreed(), settled.GetAgreed(), err)
	}
}

// prove writes an event's proof. An organisation's read model follows the ledger on its own, so it may
// not have an event that another's server has just recorded.
func (l *lab) prove(ctx context.Context, t *testing.T, org, event, file string) {
	t.Helper()
	until(ctx, t, org+" proves "+event, func() error {
		if r := l.run(ctx, t, "prove", "event", event, "-o", file, "--org", org); r.code != 0 {
			return errors.New(r.stderr)
		}
		return nil
	})
}

// genesisOf reads the ledger's name from a proof.
func (l *lab) genesisOf(ctx context.Context, t *testing.T, file string) ledger.Digest {
	t.Helper()
	rootsDir := filepath.Join(filepath.Dir(file), "roots")
	var said struct {
		Roots []struct {
			Root struct {
				Genesis string `json:"genesis"`
			} `json:"root"`
		} `json:"roots"`
	}
	if err := json.Unmarshal([]byte(l.must(ctx, t, "verify", file, "--roots", rootsDir, "--json")), &said); err != nil || len(said.Roots) == 0 {
		t.Fatal(err)
	}
	d, err := ledger.ParseDigest(said.Roots[0].Root.Genesis)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
