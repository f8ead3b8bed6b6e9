package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/network"
)

const (
	recorded = waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED
	refused  = waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED
)

// answer is one line of `waybill capture --json`.
type answer struct{ File, Status, Hash, Code, Path, Message string }

func (r result) answers(t *testing.T) []answer {
	t.Helper()
	var out []answer
	for line := range bytes.Lines([]byte(r.stdout)) {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		out = append(out, a)
	}
	return out
}

// code is the stable code of the error that the command ended with.
func (r result) stableCode(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(r.stderr) {
		var e struct{ Error struct{ Code string } }
		if json.Unmarshal([]byte(line), &e) == nil && e.Error.Code != "" {
			return e.Error.Code
		}
	}
	return ""
}

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEndToEndBadInputIsRefusedByItsOwnCodeAndItsNeighboursAreRecorded sends what a system meets in
// the world, each beside something good.
func TestEndToEndBadInputIsRefusedByItsOwnCodeAndItsNeighboursAreRecorded(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	const org = "producer"
	l.serve(ctx, t, org, "--role", "api,readmodel")
	now := time.Now().Add(-24 * time.Hour)

	t.Run("documents", func(t *testing.T) { badDocuments(ctx, t, l, org, now) })
	t.Run("segments", func(t *testing.T) { badSegments(ctx, t, l, org, now) })
	t.Run("callers", func(t *testing.T) { badCallers(ctx, t, l, org, now) })
	t.Run("a peer that is down", func(t *testing.T) { peersDown(ctx, t, l, org, now) })
}

func badDocuments(ctx context.Context, t *testing.T, l *lab, org string, now time.Time) {
	good := func() string { return commissioning(now) }
	many := make([]string, 100_000)
	for i := range many {
		many[i] = good()
	}
	large := append(bytes.TrimSuffix(document(good()), []byte("}")), []byte(`,"example:padding":"`)...)
	large = append(large, bytes.Repeat([]byte("x"), 64<<20-len(large)-2)...)
	large = append(large, `"}`...)

	for _, c := range []struct {
		name     string
		document []byte
		whole    string   // the code by which the document is refused whole
		events   []string // or the codes of its events in order, empty for recorded
	}{
		{name: "not JSON", document: []byte("shipment 12 has left the dock\n"), whole: "WB_NOT_JSON"},
		{name: "cut off", document: document(good())[:120], whole: "WB_NOT_JSON"},
		{name: "wrong schema of the document", document: []byte(`{"@context":"` + eventContext + `","type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-03-01T08:00:00Z","body":[]}`), whole: "WB_EPCIS_"},
		{name: "wrong schema of one event", document: document(good(), strings.Replace(good(), `"ADD"`, `"CREATE"`, 1), good()), events: []string{"", "WB_EPCIS_VOCABULARY", ""}},
		{name: "an event without its time", document: document(good(), `{"type":"ObjectEvent","action":"OBSERVE","epcList":["urn:epc:id:sgtin:9521321.000001.1"]}`), events: []string{"", "WB_EPCIS_REQUIRED"}},
		{name: "an event of the year 2099", document: document(commissioning(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)), good()), events: []string{"WB_TIME_FUTURE", ""}},
		{name: "64 MiB", document: large, whole: "WB_TOO_LARGE"},
		{name: "100,000 events", document: document(many...), whole: "WB_TOO_MANY_EVENTS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			beside := document(good())
			file, neighbour := writeFile(t, "bad.json", c.document), writeFile(t, "good.json", beside)
			r := l.run(ctx, t, "capture", "--org", org, "--json", file, neighbour)
			if r.code != 1 {
				t.Errorf("exit code %d, want 1\n%s", r.code, tail(r.stderr))
			}
			var events, wholes []string
			for _, a := range r.answers(t) {
				switch {
				case a.File == neighbour:
					if a.Status != "recorded" {
						t.Errorf("the document beside it was %s: %s %s", a.Status, a.Code, a.Message)
					}
				case a.Status == "recorded":
					events = append(events, "")
				case a.Hash == "" && c.whole != "":
					wholes = append(wholes, a.Code)
				default:
					events = append(events, a.Code)
				}
			}
			if c.whole != "" && (len(wholes) != 1 || !strings.HasPrefix(wholes[0], c.whole) || len(events) != 0) {
				t.Errorf("refused whole by %v with %d events answered, want %s", wholes, len(events), c.whole)
			}
			if c.whole == "" && fmt.Sprint(events) != fmt.Sprint(c.events) {
				t.Errorf("events are answered %q, want %q", events, c.events)
			}
			if r := l.run(ctx, t, "validate", "--quiet", file); r.code != 1 && c.events == nil {
				t.Errorf("validate says exit code %d", r.code)
			}
		})
	}
}

func badSegments(ctx context.Context, t *testing.T, l *lab, org string, now time.Time) {
	forger, victim, late := newDevice(t, now), newDevice(t, now), newDevice(t, now)
	stranger := newDevice(t, now)
	l.register(ctx, t, org, victim, late)

	first := victim.segment(t, 4000, 4100, 4200)
	forged := forger.sign(t, ledger.Segment{
		Device: victim.id, Seq: victim.next, Previous: victim.last, Times: []ledger.Millis{victim.at + 60_000},
		Channels: []ledger.Channel{{Quantity: ledger.Temperature, Values: []int32{5000}}},
	})
	second := victim.segment(t, 4300, 4400)
	other := victim.sign(t, ledger.Segment{
		Device: victim.id, Seq: 0, Times: []ledger.Millis{ledger.MillisOf(now) + 60_000},
		Channels: []ledger.Channel{{Quantity: ledger.Temperature, Values: []int32{9000}}},
	})
	far := late.sign(t, ledger.Segment{
		Device: late.id, Seq: 0, Times: []ledger.Millis{ledger.MillisOf(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))},
		Channels: []ledger.Channel{{Quantity: ledger.Temperature, Values: []int32{4000}}},
	})
	torn := victim.segment(t, 4500)
	gap := victim.segment(t, 4600)
	sent := []*waybillv1.SignedSegment{first, forged, second, first, other, far, late.segment(t, 3000), stranger.segment(t, 1000), gap, torn, {Payload: []byte("not a segment"), Signature: []byte("x")}}
	want := []struct {
		status waybillv1.AnswerStatus
		code   string
	}{
		{recorded, ""},
		{refused, ledger.CodeSignature},
		{recorded, ""},
		{waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE, ""},
		{refused, ledger.CodeSegmentReplay},
		{refused, ledger.CodeTimeFuture},
		{recorded, ""},
		{refused, ledger.CodeUnknownDevice},
		{refused, ledger.CodeSegmentGap},
		{recorded, ""},
		{refused, ledger.CodeMalformed},
	}
	for i, r := range l.push(ctx, t, org, sent...) {
		if r.GetIndex() != uint64(i) {
			t.Errorf("answer %d is of segment %d", i, r.GetIndex())
		}
		if r.GetStatus() != want[i].status || r.GetCode() != want[i].code {
			t.Errorf("segment %d: %s %s (%s), want %s %s", i, r.GetStatus(), r.GetCode(), r.GetMessage(), want[i].status, want[i].code)
		}
	}
}

func badCallers(ctx context.Context, t *testing.T, l *lab, org string, now time.Time) {
	if _, err := l.net.Issue(ctx, network.IssueRequest{Organisation: org, Name: "expired", Roles: []string{"recorder"}, NotAfter: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	stranger := l.profile(t, "carrier")
	mixed := l.profile(t, org)
	mixed.Identities["foreign"] = stranger.Identities["company"]
	foreign := filepath.Join(t.TempDir(), "mixed.yaml")
	if err := mixed.Save(foreign); err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, "good.json", document(commissioning(now)))
	for _, c := range []struct {
		name string
		args []string
		exit int
		code string
	}{
		{"an expired certificate", []string{"capture", file, "--identity", "expired"}, 1, "WB_CERTIFICATE_EXPIRED"},
		{"a client of the wrong role", []string{"capture", file, "--identity", "dashboard"}, 1, "WB_UNAUTHORISED"},
		{"a recorder that registers devices", []string{"device", "register", "urn:epc:id:giai:9521321.e2e-role", "--key", filepath.Join(t.TempDir(), "k.pem"), "--identity", "company"}, 1, "WB_UNAUTHORISED"},
		{"a certificate of another organisation", []string{"capture", file, "--profile", foreign, "--identity", "foreign"}, 1, "WB_CERTIFICATE_FOREIGN"},
		{"an identity that is not there", []string{"capture", file, "--identity", "nobody"}, 1, "WB_PROFILE_INVALID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := l.run(ctx, t, append(c.args, "--org", org, "--json")...)
			if r.code != c.exit || r.stableCode(t) != c.code {
				t.Errorf("exit code %d and %s, want %d and %s\n%s%s", r.code, r.stableCode(t), c.exit, c.code, tail(r.stdout), tail(r.stderr))
			}
		})
	}
	if out := l.must(ctx, t, "capture", "--org", org, file); !strings.Contains(out, "1 recorded") {
		t.Errorf("the same document from a company: %s", out)
	}
}

func peersDown(ctx context.Context, t *testing.T, l *lab, org string, now time.Time) {
	start := func(name string) {
		if err := l.net.StartProcess(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	stop := func(name string) {
		if err := l.net.StopProcess(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	file := func() string { return writeFile(t, "event.json", document(commissioning(now))) }
	stop("peer0.producer")
	if out := l.must(ctx, t, "capture", "--org", org, file()); !strings.Contains(out, "1 recorded") {
		t.Errorf("with one of three peers down: %s", out)
	}
	stop("peer0.carrier")
	lost := file()
	r := l.run(ctx, t, "capture", "--org", org, "--json", "--timeout", "4s", lost)
	if r.code != 3 || r.stableCode(t) != "WB_UNAVAILABLE" {
		t.Errorf("with two of three peers down: exit code %d and %s\n%s", r.code, r.stableCode(t), tail(r.stderr))
	}
	// A caller that waits is told by the server itself.
	began := time.Now()
	_, err := waybillv1.NewCaptureServiceClient(l.dial(t, org, profile.IdentityCompany)).CaptureEvents(ctx, &waybillv1.CaptureEventsRequest{
		Source: &waybillv1.CaptureEventsRequest_Document{Document: document(commissioning(now))},
	})
	if status.Code(err) != codes.Unavailable || client.Code(err) != "WB_UNAVAILABLE" {
		t.Errorf("the server says %v", err)
	}
	t.Logf("told after %s: %v", time.Since(began).Round(time.Millisecond), err)
	start("peer0.carrier")
	start("peer0.producer")
	if out := l.must(ctx, t, "capture", "--org", org, lost); !strings.Contains(out, "1 recorded") && !strings.Contains(out, "1 duplicate") {
		t.Errorf("with the peers back: %s", out)
	}
}
