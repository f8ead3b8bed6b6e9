package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/restclient"
	"github.com/waybill-dev/waybill/internal/testdata"
	"github.com/waybill-dev/waybill/network"
)

const restOrg = "producer"

// repositoryClient is a company that speaks the REST binding of EPCIS, over HTTPS with its certificate.
type repositoryClient struct {
	base string
	http *http.Client
}

func (l *lab) rest(t *testing.T, org, identity string) *repositoryClient {
	t.Helper()
	p := l.profile(t, org)
	id, err := p.Identity(identity)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(id.Cert, id.Key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(p.API.RootCA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", p.API.RootCA)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{cert}}}
	t.Cleanup(transport.CloseIdleConnections)
	return &repositoryClient{base: "https://" + p.API.RESTAddress, http: &http.Client{Transport: transport}}
}

type restAnswer struct {
	status int
	header http.Header
	body   []byte
}

func (c *repositoryClient) ask(ctx context.Context, method, target string, body []byte, headers ...string) (restAnswer, error) {
	if !strings.HasPrefix(target, "https://") {
		target = c.base + target
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return restAnswer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return restAnswer{}, err
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	return restAnswer{res.StatusCode, res.Header, out}, err
}

// restJob is a capture job as the binding shows it.
type restJob struct {
	Running, Success bool
	Errors           []struct {
		Type, Code, Detail, Path string
		Index                    *int
	}
}

// capture sends a document and waits until its job has ended.
func (c *repositoryClient) capture(ctx context.Context, kind, behaviour string, body []byte) (restJob, error) {
	var job restJob
	started, err := c.ask(ctx, http.MethodPost, "/capture", body, "Content-Type", kind, "GS1-Capture-Error-Behaviour", behaviour)
	if err != nil {
		return job, err
	}
	if started.status != http.StatusAccepted {
		return job, fmt.Errorf("capture: %d %.500s", started.status, started.body)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := c.ask(ctx, http.MethodGet, started.header.Get("Location"), nil)
		if err != nil {
			return job, err
		}
		if r.status != http.StatusOK {
			return job, fmt.Errorf("job: %d %.500s", r.status, r.body)
		}
		job = restJob{}
		if err = json.Unmarshal(r.body, &job); err != nil || !job.Running {
			return job, err
		}
		select {
		case <-ctx.Done():
			return job, ctx.Err()
		case <-tick.C:
		}
	}
}

// next gives the address of the next page.
func (a restAnswer) next() string {
	m := regexp.MustCompile(`^<([^>]+)>; rel="next"$`).FindStringSubmatch(a.header.Get("Link"))
	if m == nil {
		return ""
	}
	return m[1]
}

// page asks for a page of events and gives them with the address of the next page.
func (c *repositoryClient) page(ctx context.Context, target string) (events []json.RawMessage, next string, err error) {
	r, err := c.ask(ctx, http.MethodGet, target, nil, "GS1-EPC-Format", "Never_Translates")
	if err != nil {
		return nil, "", err
	}
	if r.status != http.StatusOK {
		return nil, "", fmt.Errorf("%s: %d %.500s", target, r.status, r.body)
	}
	var d struct {
		EPCISBody struct {
			QueryResults struct {
				ResultsBody struct{ EventList []json.RawMessage }
			}
		}
	}
	return d.EPCISBody.QueryResults.ResultsBody.EventList, r.next(), json.Unmarshal(r.body, &d)
}

// everything gives a digest of all results of a query, and how many they are.
func (c *repositoryClient) everything(ctx context.Context, t *testing.T, target string) (digest string, events int) {
	t.Helper()
	sum := sha256.New()
	for target != "" {
		list, next, err := c.page(ctx, target)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			sum.Write(e)
		}
		events += len(list)
		target = next
	}
	return hex.EncodeToString(sum.Sum(nil)), events
}

// worldState gives the hash of the peers' public state, which must be one.
func (l *lab) worldState(ctx context.Context, t *testing.T) string {
	t.Helper()
	states, err := network.CompareStates(ctx, l.net.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if !states.Equal {
		t.Fatalf("the peers' states differ: %+v", states)
	}
	hash := ""
	at := filepath.Join(strconv.FormatUint(states.Height-1, 10), "_snapshot_signable_metadata.json")
	if err = filepath.WalkDir(l.net.Dir(), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, string(filepath.Separator)+at) {
			return nil //nolint:nilerr // files of running peers come and go
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var m struct {
			Files map[string]string `json:"snapshot_files_raw_hashes"`
		}
		if err = json.Unmarshal(raw, &m); err != nil {
			return err
		}
		if hash != "" && hash != m.Files["public_state.data"] {
			return errors.New("the peers' states differ")
		}
		hash = m.Files["public_state.data"]
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if hash == "" {
		t.Fatalf("no snapshot at height %d", states.Height)
	}
	return hash
}

// TestEndToEndAClientGeneratedFromGS1sDocumentDrivesTheServer has a client that nobody here wrote use
// the whole binding on a real network.
func TestEndToEndAClientGeneratedFromGS1sDocumentDrivesTheServer(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	program := restclient.Build(t)
	l.serve(ctx, t, restOrg, "--role", "api,readmodel", "--webhook-http", "--webhook-allow", "127.0.0.0/8")
	p := l.profile(t, restOrg)
	id, err := p.Identity(profile.IdentityCompany)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(restclient.Drive(ctx, t, program, "https://"+p.API.RESTAddress, "-ca", p.API.RootCA, "-cert", id.Cert, "-key", id.Key, "-receive"))
}

// sentDocument is a document with the media type that it is sent as.
type sentDocument struct {
	name, kind string
	body       []byte
}

// publishedDocuments are those that GS1 and OpenEPCIS published, and one of this test's own in two forms.
func publishedDocuments(t *testing.T) []sentDocument {
	t.Helper()
	var list []sentDocument
	for _, pattern := range []string{"gs1/*", "openepcis/valid/*", "xml/2.0/*", "xml/1.2/*"} {
		files, err := filepath.Glob(filepath.Join(testdata.Dir(t), "epcis", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no documents at %s: %v", pattern, err)
		}
		for _, f := range files {
			body, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			kind := "application/ld+json"
			if filepath.Ext(f) == ".xml" {
				kind = "application/xml"
			}
			list = append(list, sentDocument{filepath.Base(f), kind, body})
		}
	}
	events := make([]string, 200)
	for i := range events {
		events[i] = commissioning(time.Now().Add(-time.Duration(i) * time.Minute))
	}
	own := document(events...)
	var xml bytes.Buffer
	if _, err := epcis.Convert(&xml, bytes.NewReader(own), epcis.Limits{}, epcis.WriteOptions{Form: epcis.FormXML}); err != nil {
		t.Fatal(err)
	}
	return append(list, sentDocument{"own.json", "application/json", own}, sentDocument{"own.xml", "application/xml", xml.Bytes()})
}

// TestEndToEndReplayedCapturesChangeNothing sends every published document ten times more, each time
// in another order: the peers' states and every answer stay as they are. The server anchors no roots,
// which would be new state though nothing was captured.
func TestEndToEndReplayedCapturesChangeNothing(t *testing.T) {
	documents := publishedDocuments(t)
	ctx, l := endToEnd(t, 4*time.Minute)
	l.serve(ctx, t, restOrg, "--role", "api,readmodel", "--anchor-every=-1s")
	c := l.rest(t, restOrg, profile.IdentityCompany)

	var mu sync.Mutex
	said := map[string]string{}
	send := func(round, together int) {
		var g errgroup.Group
		g.SetLimit(together)
		for _, i := range rand.Perm(len(documents)) {
			d := documents[i]
			g.Go(func() error {
				job, err := c.capture(ctx, d.kind, "proceed", d.body)
				if err != nil {
					return fmt.Errorf("%s: %w", d.name, err)
				}
				text := strconv.FormatBool(job.Success)
				for _, e := range job.Errors {
					// Published documents share some eventIDs: the first to come has the id.
					if e.Code != ledger.CodeConflict {
						t.Errorf("%s: %s %s", d.name, e.Code, e.Detail)
					}
					text += " " + e.Detail
				}
				mu.Lock()
				defer mu.Unlock()
				if round == 0 {
					said[d.name] = text
				} else if text != said[d.name] {
					t.Errorf("%s: round %d answers %s, the first time it was %s", d.name, round, text, said[d.name])
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	send(0, 1)
	before := l.ledger(ctx, t)
	state := l.worldState(ctx, t)
	answers, events := c.everything(ctx, t, "/events?perPage=500&orderBy=eventTime&orderDirection=ASC")
	for round := 1; round <= 10; round++ {
		send(round, 8)
	}
	after := l.ledger(ctx, t)
	if len(after.events) != len(before.events) {
		t.Errorf("%d events became %d", len(before.events), len(after.events))
	}
	for hash, times := range after.events {
		if times != 1 {
			t.Errorf("event %s is recorded %d times", hash, times)
		}
	}
	if got := l.worldState(ctx, t); got != state {
		t.Errorf("the world state was %s and is %s", state, got)
	}
	if again, n := c.everything(ctx, t, "/events?perPage=500&orderBy=eventTime&orderDirection=ASC"); again != answers || n != events {
		t.Errorf("%d events were answered, now %d that are not the same", events, n)
	}
	t.Logf("%d documents, %d captures, %d events, public state %s", len(documents), 11*len(documents), events, state)
}

// TestEndToEndAnEventIDHasOneContent sends other content under an eventID that is taken.
func TestEndToEndAnEventIDHasOneContent(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	l.serve(ctx, t, restOrg, "--role", "api,readmodel", "--anchor-every=-1s") // no new state but captured
	c := l.rest(t, restOrg, profile.IdentityCompany)
	id := fmt.Sprintf("urn:uuid:404d95fc-9457-4a51-bd6a-%012d", time.Now().UnixNano()%1e12)
	named := func(event string) []byte {
		return []byte(fmt.Sprintf(`{"@context":%q,"eventID":%q,`, eventContext, id) + event[1:])
	}
	first, other := named(commissioning(time.Now().Add(-time.Hour))), named(commissioning(time.Now().Add(-2*time.Hour)))
	for range 2 {
		if r, err := c.ask(ctx, http.MethodPost, "/events", first, "Content-Type", "application/json"); err != nil || r.status != http.StatusCreated {
			t.Fatalf("%v %d %s", err, r.status, r.body)
		}
	}
	var body []byte
	until(ctx, t, "the event can be read", func() error {
		r, err := c.ask(ctx, http.MethodGet, "/events/"+url.PathEscape(id), nil)
		if err == nil && r.status != http.StatusOK {
			err = fmt.Errorf("%d %s", r.status, r.body)
		}
		body = bodyIn(t, r.body)
		return err
	})
	state, height := l.worldState(ctx, t), len(l.ledger(ctx, t).events)
	r, err := c.ask(ctx, http.MethodPost, "/events", other, "Content-Type", "application/json")
	if err != nil || r.status != http.StatusConflict || !strings.Contains(string(r.body), "epcisException:ResourceAlreadyExistsException") {
		t.Errorf("%v %d %s", err, r.status, r.body)
	}
	for _, behaviour := range []string{"rollback", "proceed"} {
		job, err := c.capture(ctx, "application/json", behaviour, document(string(other)))
		if err != nil || job.Success || len(job.Errors) != 1 || job.Errors[0].Code != ledger.CodeConflict || *job.Errors[0].Index != 0 {
			t.Errorf("%s: %v %+v", behaviour, err, job)
		}
	}
	if got := l.worldState(ctx, t); got != state {
		t.Errorf("the world state was %s and is %s", state, got)
	}
	if got := len(l.ledger(ctx, t).events); got != height {
		t.Errorf("%d events became %d", height, got)
	}
	if r, err = c.ask(ctx, http.MethodGet, "/events/"+url.PathEscape(id), nil); err != nil || !bytes.Equal(bodyIn(t, r.body), body) {
		t.Errorf("%v %s became %s", err, body, r.body)
	}
}

// bodyIn gives the events of a document of results, without the time of asking.
func bodyIn(t *testing.T, results []byte) []byte {
	t.Helper()
	var d struct {
		EPCISBody json.RawMessage
	}
	if err := json.Unmarshal(results, &d); err != nil {
		t.Fatalf("%v: %s", err, results)
	}
	return d.EPCISBody
}

// badEvent is a way in which an event cannot be recorded.
type badEvent struct {
	code, path string
	make       func(event string) string
}

func badEvents(taken string) []badEvent {
	replace := func(old, with string) func(string) string {
		return func(e string) string { return strings.Replace(e, old, with, 1) }
	}
	return []badEvent{
		{epcis.CodeRequired, ".eventTimeZoneOffset", replace(`"eventTimeZoneOffset":"+00:00",`, "")},
		{epcis.CodeFormat, ".eventTime", replace(`"eventTime":"2`, `"eventTime":"x2`)},
		{epcis.CodeVocabulary, ".action", replace(`"ADD"`, `"LOOK"`)},
		{epcis.CodeType, ".epcList", replace(`"epcList":[`, `"epcList":7,"bizTransactionList":[],"sourceList":[],"example:x":[`)},
		{epcis.CodeUnknownField, ".madeUp", replace(`"type"`, `"madeUp":1,"type"`)},
		{epcis.CodeVocabulary, ".type", replace(`"ObjectEvent"`, `"QuantityEvent"`)},
		{epcis.CodeDuplicateMember, ".action", replace(`"action":"ADD"`, `"action":"ADD","action":"ADD"`)},
		{epcis.CodeNotUTF8, "['example:x']", replace(`"type"`, `"example:x":"\ud800","type"`)},
		{epcis.CodeTooLarge, "", replace(`"type"`, `"example:x":["`+strings.Repeat(strings.Repeat("x", 60_000)+`","`, 18)+`"],"type"`)},
		{ledger.CodeConflict, "", replace(`"type"`, `"eventID":"`+taken+`","type"`)},
	}
}

// TestEndToEndACaptureThatProceedsNamesWhatItLeavesOut sends 10,000 events of which 100 are bad in
// ten ways: 9,900 are recorded, and the answer names the 100.
func TestEndToEndACaptureThatProceedsNamesWhatItLeavesOut(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	l.serve(ctx, t, restOrg, "--role", "api,readmodel")
	c := l.rest(t, restOrg, profile.IdentityCompany)
	taken := fmt.Sprintf("urn:uuid:504d95fc-9457-4a51-bd6a-%012d", time.Now().UnixNano()%1e12)
	if job, err := c.capture(ctx, "application/json", "rollback", document(strings.Replace(commissioning(time.Now().Add(-time.Hour)), `"type"`, `"eventID":"`+taken+`","type"`, 1))); err != nil || !job.Success {
		t.Fatalf("%v %+v", err, job)
	}
	const all, every = 10_000, 100
	kinds := badEvents(taken)
	want := map[int]badEvent{}
	var good []ledger.Digest
	events := make([]string, all)
	now := time.Now().Add(-time.Hour)
	for i := range events {
		e := commissioning(now)
		if i%every == 37 {
			kind := kinds[i/every%len(kinds)]
			want[i] = kind
			events[i] = kind.make(e)
			continue
		}
		events[i] = e
		good = append(good, hashOf(t, e))
	}
	before := len(l.ledger(ctx, t).events)
	began := time.Now()
	job, err := c.capture(ctx, "application/json", "proceed", document(events...))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events in %s", all, time.Since(began).Round(time.Millisecond))
	if job.Success || len(job.Errors) != len(want) {
		t.Errorf("success %t, %d errors, want %d", job.Success, len(job.Errors), len(want))
	}
	for _, e := range job.Errors {
		if e.Index == nil {
			t.Errorf("an error of no event: %+v", e)
			continue
		}
		kind, bad := want[*e.Index]
		path := fmt.Sprintf("$.epcisBody.eventList[%d]%s", *e.Index, kind.path)
		if !bad || e.Code != kind.code || e.Path != path || !strings.HasPrefix(e.Detail, kind.code+": ") {
			t.Errorf("error %+v, want %s at %s", e, kind.code, path)
		}
		delete(want, *e.Index)
	}
	if len(want) > 0 {
		t.Errorf("%d bad events are not named", len(want))
	}
	recorded := l.ledger(ctx, t).events
	for _, hash := range good {
		if recorded[hash] != 1 {
			t.Fatalf("event %s is recorded %d times", hash, recorded[hash])
		}
	}
	if got := len(recorded) - before; got != all-all/every {
		t.Errorf("%d events are recorded, want %d", got, all-all/every)
	}
}

// TestEndToEndACaptureThatRollsBackRecordsNothing sends 1,000 events of which one is bad, for each way.
func TestEndToEndACaptureThatRollsBackRecordsNothing(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	l.serve(ctx, t, restOrg, "--role", "api,readmodel", "--anchor-every=-1s") // no new state but captured
	c := l.rest(t, restOrg, profile.IdentityCompany)
	taken := fmt.Sprintf("urn:uuid:604d95fc-9457-4a51-bd6a-%012d", time.Now().UnixNano()%1e12)
	if job, err := c.capture(ctx, "application/json", "rollback", document(strings.Replace(commissioning(time.Now().Add(-time.Hour)), `"type"`, `"eventID":"`+taken+`","type"`, 1))); err != nil || !job.Success {
		t.Fatalf("%v %+v", err, job)
	}
	before, state := len(l.ledger(ctx, t).events), l.worldState(ctx, t)
	for k, kind := range badEvents(taken) {
		events := make([]string, 1000)
		for i := range events {
			events[i] = commissioning(time.Now().Add(-time.Hour))
		}
		bad := 111 * k
		events[bad] = kind.make(events[bad])
		job, err := c.capture(ctx, "application/json", "rollback", document(events...))
		if err != nil || job.Success || len(job.Errors) != 1 || job.Errors[0].Code != kind.code || *job.Errors[0].Index != bad {
			t.Errorf("%s: %v %+v", kind.code, err, job)
		}
	}
	if got := len(l.ledger(ctx, t).events); got != before {
		t.Errorf("%d events are recorded", got-before)
	}
	if got := l.worldState(ctx, t); got != state {
		t.Errorf("the world state was %s and is %s", state, got)
	}
}

// TestEndToEndPagesHoldStillWhileCaptureGoesOn pages through 5,000 results while others are recorded
// that belong to the same result.
func TestEndToEndPagesHoldStillWhileCaptureGoesOn(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	l.serve(ctx, t, restOrg, "--role", "api,readmodel")
	c := l.rest(t, restOrg, profile.IdentityCompany)
	place := fmt.Sprintf("https://example.com/dock/%d", time.Now().UnixNano())
	batch := func(n int) ([]byte, []string) {
		events, epcs := make([]string, n), make([]string, n)
		for i := range events {
			// Neither the order of recording nor that of event times is the order of the ids.
			e := commissioning(time.Now().Add(-time.Duration(rand.IntN(1_000_000)) * time.Second))
			events[i] = strings.Replace(e, `"type"`, fmt.Sprintf(`"readPoint":{"id":%q},"type"`, place), 1)
			epcs[i] = regexp.MustCompile(`urn:epc:id:sgtin:[^"]+`).FindString(e)
		}
		return document(events...), epcs
	}
	first, epcs := batch(5000)
	if job, err := c.capture(ctx, "application/json", "rollback", first); err != nil || !job.Success {
		t.Fatalf("%v %+v", err, job)
	}
	for _, order := range []string{"", "&orderBy=eventTime&orderDirection=ASC", "&orderBy=recordTime&orderDirection=DESC"} {
		start := "/events?perPage=25&EQ_readPoint=" + url.QueryEscape(place) + order
		until(ctx, t, "the events can be asked for", func() error {
			list, _, err := c.page(ctx, start)
			if err == nil && len(list) < 25 {
				err = fmt.Errorf("%d events", len(list))
			}
			return err
		})
		stop := make(chan struct{})
		var mu sync.Mutex
		var more []string
		var writing errgroup.Group
		for range 4 {
			writing.Go(func() error {
				for {
					select {
					case <-stop:
						return nil
					default:
					}
					body, ids := batch(50)
					job, err := c.capture(ctx, "application/json", "proceed", body)
					if err != nil {
						return err
					}
					if !job.Success {
						return fmt.Errorf("capture: %+v", job)
					}
					mu.Lock()
					more = append(more, ids...)
					mu.Unlock()
				}
			})
		}
		seen := map[string]int{}
		pages := 0
		for target := start; target != ""; pages++ {
			list, next, err := c.page(ctx, target)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				seen[regexp.MustCompile(`urn:epc:id:sgtin:[^"]+`).FindString(string(e))]++
			}
			target = next
		}
		close(stop)
		if err := writing.Wait(); err != nil {
			t.Fatal(err)
		}
		for epc, times := range seen {
			if times != 1 {
				t.Errorf("order %q: %s came %d times", order, epc, times)
			}
		}
		missing := slices.DeleteFunc(slices.Clone(epcs), func(epc string) bool { return seen[epc] == 1 })
		if len(missing) > 0 {
			t.Errorf("order %q: %d events that were recorded before are missing", order, len(missing))
		}
		t.Logf("order %q: %d pages with %d events, %d were recorded meanwhile", order, pages, len(seen), len(more))
		epcs = append(epcs, more...)
		// The next order begins with everything that is recorded by now.
		until(ctx, t, "all can be asked for", func() error {
			_, n := c.everything(ctx, t, "/events?perPage=1000&EQ_readPoint="+url.QueryEscape(place))
			if n != len(epcs) {
				return fmt.Errorf("%d of %d events", n, len(epcs))
			}
			return nil
		})
	}
}
