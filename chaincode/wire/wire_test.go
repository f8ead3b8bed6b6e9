package wire_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

func digest(b byte) ledger.Digest { return ledger.Digest{0: b, 31: b} }

func TestEqualValuesAreEqualBytes(t *testing.T) {
	a := wire.Answers{Answers: []wire.Answer{{Status: ledger.StatusRecorded, Digest: digest(1)}}}
	first, err := wire.Encode(a)
	if err != nil {
		t.Fatal(err)
	}
	back, err := wire.DecodeAnswers(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := wire.Encode(back)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Fatalf("%x, then %x", first, second)
	}
	// version, map(1), key 1, array(1), map(2), key 1: 1, key 4: 32 bytes.
	if want := "\x01\xa1\x01\x81\xa2\x01\x01\x04\x58\x20"; !strings.HasPrefix(string(first), want) {
		t.Fatalf("%x does not begin with %x", first, want)
	}
}

func TestDecodeRefusesEveryOtherSpelling(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":               "",
		"no value":              "\x01",
		"other version":         "\x02\xa1\x01\x80",
		"unknown field":         "\x01\xa2\x01\x80\x18\x63\x00",
		"indefinite length":     "\x01\xa1\x01\x9f\xff",
		"duplicate key":         "\x01\xa2\x01\x80\x01\x80",
		"tag":                   "\x01\xc1\xa1\x01\x80",
		"long form of a number": "\x01\xa1\x18\x01\x80",
		"bytes after it":        "\x01\xa1\x01\x80\x00",
		"short digest":          "\x01\xa1\x01\x81\xa2\x01\x01\x04\x41\x07",
		"huge array":            "\x01\xa1\x01\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
		"deep nesting":          "\x01" + strings.Repeat("\x81", 50) + "\x00",
	} {
		if _, err := wire.DecodeAnswers([]byte(data)); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := wire.DecodeDeviceBatch(make([]byte, ledger.MaxArgumentBytes+1)); !errors.Is(err, ledger.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestEventBatchKeepsBodiesAndContexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wire.EventEntry {
			e := wire.EventEntry{Body: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body")}
			if c := rapid.SampledFrom([]string{"", "[1]", "[2]"}).Draw(t, "context"); c != "" {
				e.Context = []byte(c)
			}
			return e
		}), 1, 20).Draw(t, "entries")
		plain := rapid.Bool().Draw(t, "plain")
		encode := wire.EncodeEventBatch
		if plain {
			encode = wire.EncodePlainPack
		}
		data, err := encode(entries)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.DecodeEventBatch(data)
		if err != nil {
			t.Fatal(err)
		}
		if len(back) != len(entries) {
			t.Fatalf("%d entries, not %d", len(back), len(entries))
		}
		for i := range entries {
			if !bytes.Equal(back[i].Body, entries[i].Body) || !bytes.Equal(back[i].Context, entries[i].Context) {
				t.Fatalf("entry %d: %q, not %q", i, back[i], entries[i])
			}
		}
	})
}

func TestEventBatchBounds(t *testing.T) {
	one := wire.EventEntry{Body: []byte("{}")}
	many := make([]wire.EventEntry, ledger.MaxBatchEvents+1)
	for i := range many {
		many[i] = one
	}
	big := wire.EventEntry{Body: make([]byte, ledger.MaxEventBytes)}
	for name, entries := range map[string][]wire.EventEntry{
		"too many":      many,
		"large event":   {{Body: make([]byte, ledger.MaxEventBytes+1)}},
		"large batch":   {big, big, big, big, one},
		"large context": {{Context: make([]byte, ledger.MaxContextBytes+1), Body: one.Body}},
	} {
		if _, err := wire.EncodeEventBatch(entries); !errors.Is(err, ledger.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := wire.EncodeEventBatch(nil); !errors.Is(err, ledger.ErrMalformed) {
		t.Error(err)
	}
}

func TestEventBatchRefusesAPackThatIsNotWhatItsLengthsAnnounce(t *testing.T) {
	data, err := wire.EncodeEventBatch([]wire.EventEntry{{Body: bytes.Repeat([]byte("a"), 1<<20)}})
	if err != nil {
		t.Fatal(err)
	}
	good, err := wire.Decode[wire.EventBatch](data, len(data))
	if err != nil {
		t.Fatal(err)
	}
	for name, mutate := range map[string]func(*wire.EventBatch){
		"bomb":           func(b *wire.EventBatch) { b.Lengths = []int{10} },
		"short":          func(b *wire.EventBatch) { b.Lengths = []int{1<<20 - 1} },
		"negative":       func(b *wire.EventBatch) { b.Lengths = []int{-1} },
		"huge":           func(b *wire.EventBatch) { b.Lengths = []int{math.MaxInt} },
		"two frames":     func(b *wire.EventBatch) { b.Pack = append(bytes.Clone(b.Pack), b.Pack...) },
		"frame and more": func(b *wire.EventBatch) { b.Pack = append(bytes.Clone(b.Pack), 0) },
		"hidden bytes": func(b *wire.EventBatch) { // a frame that decoders skip (RFC 8878, 3.1.2)
			b.Pack = append(bytes.Clone(b.Pack), 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4)
		},
		"an empty frame more": func(b *wire.EventBatch) {
			b.Pack = append(bytes.Clone(b.Pack), 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0)
		},
		"no frame":             func(b *wire.EventBatch) { b.Pack = []byte("{}") },
		"context out of range": func(b *wire.EventBatch) { b.ContextOf = []int{0} },
		"unused context":       func(b *wire.EventBatch) { b.Contexts = [][]byte{[]byte("[]")} },
		"lists of two lengths": func(b *wire.EventBatch) { b.ContextOf = nil },
		"plain":                func(b *wire.EventBatch) { b.Plain = true },
	} {
		b := good
		mutate(&b)
		bad, err := wire.Encode(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.DecodeEventBatch(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestEntriesAreCompactAndSpellTheDefaultContextAsNone(t *testing.T) {
	e, err := wire.NewEventEntry([]byte(` [ "`+epcis.DefaultContext+`" ] `), []byte("{ \"a\" : \"b \\\" c\",\n\"n\":1.50 }"))
	if err != nil {
		t.Fatal(err)
	}
	if e.Context != nil || string(e.Body) != `{"a":"b \" c","n":1.50}` {
		t.Fatalf("%s %s", e.Context, e.Body)
	}
	if _, err := wire.NewEventEntry(nil, []byte("{")); !errors.Is(err, ledger.ErrMalformed) {
		t.Fatal(err)
	}
}

func TestAnEventOfADocumentMakesTheEntryOfItsTextAlone(t *testing.T) {
	const event = `{ "type" : "ObjectEvent", "eventTime" : "2026-01-05T08:00:00.000Z", "eventTimeZoneOffset" : "+00:00",
	"action" : "OBSERVE", "epcList" : [ "https://id.gs1.org/01/04012345123456/21/A" ], "ex:a" : "b \" c  d", "ex:n" : [ 1.50 , 2e3 ] }`
	for name, context := range map[string]string{
		"the default": `"` + epcis.DefaultContext + `"`,
		"a list":      `[ "` + epcis.DefaultContext + `" ]`,
		"a prefix":    `[ "` + epcis.DefaultContext + `" , { "ex" : "https://example.com/" } ]`,
	} {
		document := `{ "@context" : ` + context + `, "type" : "EPCISDocument", "schemaVersion" : "2.0", "creationDate" : "2026-01-05T08:00:00.000Z",
	"epcisBody" : { "eventList" : [ ` + strings.ReplaceAll(event, "ex:", map[bool]string{true: "ex:", false: "https://example.com/"}[name == "a prefix"]) + ` ] } }`
		read := 0
		for source, err := range epcis.Events(strings.NewReader(document), epcis.Limits{}) {
			if err != nil || source.Err != nil {
				t.Fatal(name, err, source.Err)
			}
			read++
			want, err := wire.NewEventEntry(source.Context, source.Raw)
			if err != nil {
				t.Fatal(err)
			}
			if got := wire.SourceEntry(source); string(got.Body) != string(want.Body) || string(got.Context) != string(want.Context) || (got.Context == nil) != (want.Context == nil) {
				t.Errorf("%s: %s under %s, of its text %s under %s", name, got.Body, got.Context, want.Body, want.Context)
			}
			if (wire.SourceEntry(source).Context == nil) != (name != "a prefix") {
				t.Errorf("%s: under %s", name, wire.SourceEntry(source).Context)
			}
		}
		if read != 1 {
			t.Errorf("%s: %d events", name, read)
		}
	}
}

func segments() *rapid.Generator[ledger.Segment] {
	return rapid.Custom(func(t *rapid.T) ledger.Segment {
		n := rapid.IntRange(1, 60).Draw(t, "n")
		s := ledger.Segment{
			Device: rapid.StringN(1, 20, -1).Draw(t, "device"),
			Seq:    rapid.Uint64().Draw(t, "seq"), Previous: digest(rapid.Byte().Draw(t, "previous")),
		}
		at := ledger.Millis(rapid.Int64Range(-1<<51, 1<<51).Draw(t, "start"))
		step := rapid.SampledFrom([]int64{1, 1000, 60_000}).Draw(t, "step")
		for range n {
			s.Times = append(s.Times, at)
			at += ledger.Millis(step * rapid.Int64Range(1, 3).Draw(t, "gap"))
		}
		for q := range rapid.IntRange(1, 4).Draw(t, "channels") {
			c := ledger.Channel{Quantity: ledger.Quantity(q + 1)}
			wild := rapid.Bool().Draw(t, "wild")
			for range n {
				v := rapid.Int32Range(-3, 3).Draw(t, "v") * 100
				if wild {
					v = rapid.Int32().Draw(t, "v")
				}
				c.Values = append(c.Values, v)
			}
			s.Channels = append(s.Channels, c)
		}
		return s
	})
}

func TestSegmentsComeBackFromTheirOneEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := segments().Draw(t, "segment")
		payload, err := wire.EncodeSegment(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.DecodeSegment(payload)
		if err != nil {
			t.Fatal(err)
		}
		again, err := wire.EncodeSegment(back)
		if err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("%x, then %x (%v)", payload, again, err)
		}
		header, times, err := wire.SegmentHeader(payload)
		if err != nil || times != len(s.Times) || header.Device != s.Device || header.Seq != s.Seq || header.Previous != s.Previous {
			t.Fatalf("%v %d %v", header, times, err)
		}
		if n, err := wire.SegmentReadings(payload); err != nil || n != len(s.Times)*len(s.Channels) {
			t.Fatalf("%d readings, %v, not %d × %d", n, err, len(s.Times), len(s.Channels))
		}
		for i := range s.Times {
			if back.Times[i] != s.Times[i] {
				t.Fatalf("time %d: %d, not %d", i, back.Times[i], s.Times[i])
			}
		}
		for k, c := range s.Channels {
			for i := range c.Values {
				if back.Channels[k].Values[i] != c.Values[i] || back.Channels[k].Quantity != c.Quantity {
					t.Fatalf("channel %d value %d", k, i)
				}
			}
		}
		cut := rapid.IntRange(0, len(payload)-1).Draw(t, "cut")
		if _, err := wire.DecodeSegment(payload[:cut]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", cut, len(payload))
		}
	})
}

// regular gives a segment of n readings a minute apart with a value's noise of tenths of a degree.
func regular(n int) ledger.Segment {
	s := ledger.Segment{Device: "https://id.gs1.org/8004/4012345ABC", Channels: []ledger.Channel{{Quantity: ledger.Temperature}}}
	for i := range n {
		s.Times = append(s.Times, ledger.EarliestTime+ledger.Millis(i)*60_000)
		s.Channels[0].Values = append(s.Channels[0].Values, int32(5000+100*((i*i/7)%9)))
	}
	return s
}

func TestARegularGridOfTimesCostsNothing(t *testing.T) {
	payload, err := wire.EncodeSegment(regular(10_000))
	if err != nil {
		t.Fatal(err)
	}
	if len(payload) > 10_000+150 {
		t.Fatalf("%d bytes for 10,000 readings", len(payload))
	}
}

func TestSegmentsOutOfBoundsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ledger.Segment)
		want   error
	}{
		"no readings":       {func(s *ledger.Segment) { s.Times, s.Channels[0].Values = nil, nil }, ledger.ErrMalformed},
		"no channels":       {func(s *ledger.Segment) { s.Channels = nil }, ledger.ErrMalformed},
		"no device":         {func(s *ledger.Segment) { s.Device = "" }, ledger.ErrMalformed},
		"long device":       {func(s *ledger.Segment) { s.Device = strings.Repeat("x", 2000) }, ledger.ErrTooLarge},
		"times descend":     {func(s *ledger.Segment) { s.Times[1] = s.Times[0] }, ledger.ErrMalformed},
		"time too far":      {func(s *ledger.Segment) { s.Times[9] = math.MaxInt64 }, ledger.ErrMalformed},
		"missing value":     {func(s *ledger.Segment) { s.Channels[0].Values = s.Channels[0].Values[1:] }, ledger.ErrMalformed},
		"channel twice":     {func(s *ledger.Segment) { s.Channels = append(s.Channels, s.Channels[0]) }, ledger.ErrMalformed},
		"too many readings": {func(s *ledger.Segment) { *s = regular(ledger.MaxSegmentReadings + 1) }, ledger.ErrTooLarge},
	} {
		s := regular(10)
		c.change(&s)
		if _, err := wire.EncodeSegment(s); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignaturesHoldForTheirPayloadAndDeviceOnly(t *testing.T) {
	payload, err := wire.EncodeSegment(regular(3))
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecPrivate, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edDER, err := x509.MarshalPKIXPublicKey(edPublic)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKIXPublicKey(ecPrivate.Public())
	if err != nil {
		t.Fatal(err)
	}
	ed := ledger.Device{ID: "ed", Algorithm: ledger.KeyEd25519, PublicKey: edDER}
	ec := ledger.Device{ID: "ec", Algorithm: ledger.KeyECDSAP256, PublicKey: ecDER}
	edSignature, err := wire.SignSegment(edPrivate, payload)
	if err != nil {
		t.Fatal(err)
	}
	ecSignature, err := wire.SignSegment(ecPrivate, payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := ed.Verify(payload, edSignature); err != nil {
		t.Error(err)
	}
	if err := ec.Verify(payload, ecSignature); err != nil {
		t.Error(err)
	}
	forged := bytes.Clone(payload)
	forged[len(forged)-1] ^= 1
	for name, err := range map[string]error{
		"other payload":   ed.Verify(forged, edSignature),
		"other payload 2": ec.Verify(forged, ecSignature),
		"other device":    ec.Verify(payload, edSignature),
		"no signature":    ed.Verify(payload, nil),
		"long signature":  ed.Verify(payload, make([]byte, 1000)),
	} {
		if !errors.Is(err, ledger.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ed.Algorithm = ledger.KeyECDSAP256
	if err := ed.Verify(payload, edSignature); !errors.Is(err, ledger.ErrSchema) {
		t.Errorf("other algorithm: %v", err)
	}
}

func TestKeysComeApartAsTheyWerePut(t *testing.T) {
	key, err := wire.SegmentKey("dev", 7)
	if err != nil {
		t.Fatal(err)
	}
	if key != "\x00segment\x00dev\x0000000000000000000007\x00" {
		t.Fatalf("%q", key)
	}
	kind, attributes, err := wire.ParseKey(key)
	if err != nil || kind != wire.KindSegment || len(attributes) != 2 || attributes[0] != "dev" {
		t.Fatal(kind, attributes, err)
	}
	for _, bad := range []string{"a\x00b", "a\U0010FFFFb", "\xff"} {
		if _, err := wire.ItemKey(bad); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := wire.ItemKey(strings.Repeat("x", 2000)); !errors.Is(err, ledger.ErrTooLarge) {
		t.Error(err)
	}
	for _, bad := range []string{"", "a", "\x00", "\x00a"} {
		if _, _, err := wire.ParseKey(bad); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestItemsComeBackFromTheirStoredForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := func() (ledger.Millis, ledger.Digest) {
			b := rapid.ByteRange(0, 5).Draw(t, "event")
			if b == 0 {
				return 0, ledger.Digest{}
			}
			return ledger.Millis(b), digest(b)
		}
		s := ledger.ItemState{
			EPC: "urn:x", Status: ledger.ItemStatus(rapid.ByteRange(0, 3).Draw(t, "status")),
			Custodian: rapid.SampledFrom([]string{"", "A"}).Draw(t, "custodian"), Place: "p", BizStep: "b", Disposition: "d",
		}
		s.StatusAt, s.StatusBy = d()
		s.CustodianAt, s.CustodianBy = d()
		s.ContainerAt, s.ContainerBy = d()
		s.LastAt, s.LastEvent = d()
		s.CommissionedAt, s.CommissionedBy = d()
		s.EndedAt, s.EndedBy = d()
		s.MovedAt, s.MovedBy = d()
		for range rapid.IntRange(0, ledger.MaxItemSteps).Draw(t, "steps") {
			text := rapid.SampledFrom([]string{"", "A", "B", "C"})
			step := ledger.Step{
				Acts: ledger.Acts(rapid.Uint16().Draw(t, "acts")), By: text.Draw(t, "by"), Place: text.Draw(t, "place"),
				Container: text.Draw(t, "container"), To: text.Draw(t, "to"),
			}
			if step.At, step.Event = d(); step.Event.IsZero() {
				continue
			}
			s.Steps = append(s.Steps, step)
			if rapid.Bool().Draw(t, "open") {
				s.Open = append(s.Open, ledger.FindingRef{Code: ledger.FindingReshipped, Event: step.Event})
			}
		}
		data, err := wire.EncodeItem(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.DecodeItem(s.EPC, data)
		if err != nil || !reflect.DeepEqual(back, s) {
			t.Fatalf("%+v, not %+v: %v", back, s, err)
		}
	})
}

func FuzzDecodeSegment(f *testing.F) {
	for _, n := range []int{1, 2, 50} {
		payload, err := wire.EncodeSegment(regular(n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, countErr := wire.SegmentReadings(data)
		s, err := wire.DecodeSegment(data)
		if err == nil && (countErr != nil || n != len(s.Times)*len(s.Channels)) {
			t.Fatalf("counted %d, %v", n, countErr)
		}
		if err != nil {
			if !errors.Is(err, ledger.ErrMalformed) && !errors.Is(err, ledger.ErrTooLarge) {
				t.Fatal(err)
			}
			return
		}
		again, err := wire.EncodeSegment(s)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x, then %x (%v)", data, again, err)
		}
	})
}

func FuzzDecodeEventBatch(f *testing.F) {
	entries := []wire.EventEntry{{Context: []byte("[1]"), Body: []byte(`{"a":1}`)}, {Body: []byte(`{}`)}}
	for _, encode := range []func([]wire.EventEntry) ([]byte, error){wire.EncodeEventBatch, wire.EncodePlainPack} {
		data, err := encode(entries)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := wire.DecodeEventBatch(data)
		if err != nil {
			if !errors.Is(err, ledger.ErrMalformed) && !errors.Is(err, ledger.ErrTooLarge) {
				t.Fatal(err)
			}
			return
		}
		total := 0
		for _, e := range entries {
			total += len(e.Body)
		}
		if total > ledger.MaxBatchBytes {
			t.Fatalf("%d bytes came out of %d", total, len(data))
		}
	})
}

func FuzzDecode(f *testing.F) {
	v, err := wire.Encode(wire.VerdictBatch{Verdicts: []ledger.Verdict{{Shipment: "s", Reasons: []ledger.Reason{{Code: "c"}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(v)
	f.Add([]byte("\x01\xa1\x01\x80"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, err := wire.DecodeVerdictBatch(data); err == nil {
			again, err := wire.Encode(v)
			if err != nil || !bytes.Equal(again, data) {
				t.Fatalf("%x, then %x (%v)", data, again, err)
			}
		}
		_, _ = wire.DecodeSummary(data)
		_, _ = wire.DecodeAnswers(data)
		_, _ = wire.DecodePolicyBatch(data)
		_, _ = wire.DecodeDeviceBatch(data)
		_, _ = wire.DecodeSegmentBatch(data)
		_, _ = wire.DecodeItem("x", data)
	})
}

func BenchmarkDecodeSegment(b *testing.B) {
	payload, err := wire.EncodeSegment(regular(10_000))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, err := wire.DecodeSegment(payload); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "readings/s")
}

func BenchmarkDecodeEventBatch(b *testing.B) {
	entries := make([]wire.EventEntry, 300)
	for i := range entries {
		entries[i].Body = bytes.Repeat([]byte{byte('a' + i%26)}, 1000)
	}
	data, err := wire.EncodeEventBatch(entries)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := wire.DecodeEventBatch(data); err != nil {
			b.Fatal(err)
		}
	}
}
