package feature

import (
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// Thousandths converts a measured value to the ledger's fixed unit of its quantity: a temperature
// in degrees Celsius (CEL), Fahrenheit (FAH) or kelvin (KEL), a relative humidity in percent (P1).
// Type is the measurement's CBV word, such as "Temperature". It is false for any other type or
// unit, for what is no number, and for what lies outside -273.15 to 1,000 °C or 0 to 100 %.
func Thousandths(kind, value, uom string) (ledger.Quantity, int32, bool) {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0, 0, false
	}
	if i := strings.LastIndexAny(kind, ":/#-"); i >= 0 { // gs1:Temperature, https://gs1.org/voc/Temperature
		kind = kind[i+1:]
	}
	var quantity ledger.Quantity
	low, high := 0.0, 100_000.0
	switch {
	case kind == "Temperature" && uom == "CEL":
		quantity, v = ledger.Temperature, float64(v*1000)
	case kind == "Temperature" && uom == "FAH":
		quantity, v = ledger.Temperature, float64((v-32)*5000)/9
	case kind == "Temperature" && uom == "KEL":
		quantity, v = ledger.Temperature, float64(v*1000)-273_150
	case kind == "RelativeHumidity" && uom == "P1":
		quantity, v = ledger.RelativeHumidity, float64(v*1000)
	default:
		return 0, 0, false
	}
	if quantity == ledger.Temperature {
		low, high = -273_150, 1_000_000
	}
	if v < low-0.5 || v > high+0.5 || v != v { // the last is NaN
		return 0, 0, false
	}
	if v < 0 {
		return quantity, int32(v - 0.5), true
	}
	return quantity, int32(v + 0.5), true
}

// PlaceKey is a place as places are compared: a GLN without its extension, since a destination may
// name the site and the receipt the ramp; other identifiers as they are.
func PlaceKey(id string) string {
	canonical, err := epcis.CanonicalEPC(id)
	if err != nil {
		return id
	}
	if i := strings.Index(canonical, "/254/"); i > 0 && strings.Contains(canonical[:i], "/414/") {
		return canonical[:i]
	}
	return canonical
}

// classOf is the product of a canonical EPC or class: its GTIN, or empty.
func classOf(canonical string) string {
	const prefix = "https://id.gs1.org/01/"
	if len(canonical) < len(prefix)+14 || !strings.HasPrefix(canonical, prefix) {
		return ""
	}
	return canonical[:len(prefix)+14]
}

// sample is one value measured by an event's sensor.
type sample struct {
	device   string
	quantity ledger.Quantity
	at       ledger.Millis
	value    int32
}

// samples reads an event's sensor elements, in the order of the document.
func samples(e *epcis.Event) []sample {
	var out []sample
	for _, element := range e.SensorElements {
		var meta epcis.SensorMetadata
		if element.Metadata != nil {
			meta = *element.Metadata
		}
		for _, r := range element.Reports {
			value := firstSet(string(r.Value), string(r.MeanValue), string(r.MaxValue), string(r.MinValue))
			quantity, v, ok := Thousandths(r.Type, value, r.UOM)
			if !ok {
				continue
			}
			at := e.EventTime
			for _, t := range []epcis.Time{meta.EndTime, meta.Time, r.Time} {
				if !t.IsZero() {
					at = t
				}
			}
			device := firstSet(r.DeviceID, meta.DeviceID)
			if canonical, err := epcis.CanonicalEPC(device); err == nil {
				device = canonical
			}
			out = append(out, sample{device: device, quantity: quantity, at: ledger.MillisOf(at.Instant), value: v})
		}
	}
	return out
}

func firstSet(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
