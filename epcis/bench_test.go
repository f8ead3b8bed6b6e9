package epcis_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/epcis"
)

// event1k is an event of about 1 kB as a shipper sends it.
const event1k = `{
  "type": "ObjectEvent", "eventID": "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8",
  "eventTime": "2024-03-05T09:31:16.116+01:00", "eventTimeZoneOffset": "+01:00",
  "epcList": ["urn:epc:id:sgtin:4012345.011111.9876", "urn:epc:id:sgtin:4012345.011111.9877", "https://example.com/01/04012345111118/21/9878"],
  "action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit",
  "readPoint": {"id": "urn:epc:id:sgln:4012345.00005.0"}, "bizLocation": {"id": "https://id.gs1.org/414/4012345000054"},
  "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:4012345000009:RE-1099"}, {"type": "desadv", "bizTransaction": "urn:epcglobal:cbv:bt:4012345000009:4711"}],
  "sourceList": [{"type": "possessing_party", "source": "urn:epc:id:pgln:4012345.00000"}],
  "destinationList": [{"type": "possessing_party", "destination": "urn:epc:id:pgln:0614141.00000"}],
  "sensorElementList": [{"sensorMetadata": {"time": "2024-03-05T09:31:00.000+01:00", "deviceID": "urn:epc:id:giai:4000001.111"}, "sensorReport": [{"type": "Temperature", "value": 4.5, "uom": "CEL"}]}],
  "example:lane": "AMS-FRA"
}`

const context1k = `["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"example":"https://ns.example.com/epcis/"}]`

func TestBenchmarkEventIsAsLargeAsItSays(t *testing.T) {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(event1k)); err != nil {
		t.Fatal(err)
	}
	if n := b.Len(); n < 1000 || n > 1300 {
		t.Errorf("event of %d bytes, want about 1 kB", n)
	}
}

func BenchmarkParseValidateHash(b *testing.B) {
	ctx, err := epcis.ParseContext([]byte(context1k))
	if err != nil {
		b.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(event1k)); err != nil {
		b.Fatal(err)
	}
	data := compact.Bytes()
	b.Run("epcis", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			e, err := ctx.ParseEvent(data)
			if err != nil {
				b.Fatal(err)
			}
			e.Hash()
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("parse", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ctx.ParseEvent(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hash", func(b *testing.B) {
		e, err := ctx.ParseEvent(data)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			e.Hash()
		}
	})
	b.Run("encoding-json-into-any", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := json.Unmarshal(data, &v); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
}

func BenchmarkEvents(b *testing.B) {
	const n = 1000
	doc := fmt.Sprintf(`{"@context":%s,"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2024-03-05T10:00:00Z","epcisBody":{"eventList":[%s]}}`,
		context1k, strings.TrimSuffix(strings.Repeat(event1k+",", n), ","))
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		for s, err := range epcis.Events(strings.NewReader(doc), epcis.Limits{}) {
			if err != nil || s.Err != nil {
				b.Fatal(err, s.Err)
			}
			s.Event.Hash()
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkEventsXML(b *testing.B) {
	const n = 200
	body := `<ObjectEvent><eventTime>2024-03-05T09:31:16.116+01:00</eventTime><eventTimeZoneOffset>+01:00</eventTimeZoneOffset>` +
		`<epcList><epc>urn:epc:id:sgtin:4012345.011111.9876</epc><epc>urn:epc:id:sgtin:4012345.011111.9877</epc></epcList><action>OBSERVE</action>` +
		`<bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep><disposition>urn:epcglobal:cbv:disp:in_transit</disposition>` +
		`<readPoint><id>urn:epc:id:sgln:4012345.00005.0</id></readPoint></ObjectEvent>`
	doc := `<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0" creationDate="2024-03-05T10:00:00Z"><EPCISBody><EventList>` +
		strings.Repeat(body, n) + `</EventList></EPCISBody></e:EPCISDocument>`
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		for s, err := range epcis.EventsXML(strings.NewReader(doc), epcis.Limits{}) {
			if err != nil || s.Err != nil {
				b.Fatal(err, s.Err)
			}
			s.Event.Hash()
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "events/s")
}
