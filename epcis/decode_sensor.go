package epcis

func (d *decoder) sensorElements(n int32) []SensorElement {
	list := make([]SensorElement, 0, d.t.nodes[n].count)
	d.objects(n, func(o int32) {
		var s SensorElement
		s.Extensions = d.extensions(o, func(c int32) bool {
			switch d.t.nodes[c].key {
			case "sensorMetadata":
				s.Metadata = d.sensorMetadata(c)
			case "sensorReport":
				d.filled(c, "sensorReport")
				s.Reports = make([]SensorReport, 0, d.t.nodes[c].count)
				d.objects(c, func(r int32) { s.Reports = append(s.Reports, d.sensorReport(r)) })
			default:
				return false
			}
			return true
		})
		if d.t.child(o, "sensorReport") == none {
			d.missing(o, "sensorReport")
		}
		list = append(list, s)
	})
	return list
}

func (d *decoder) sensorMetadata(n int32) *SensorMetadata {
	if !d.is(n, KindObject) {
		return nil
	}
	m := &SensorMetadata{}
	m.Extensions = d.extensions(n, func(c int32) bool {
		switch d.t.nodes[c].key {
		case "time":
			m.Time = d.time(c)
		case "startTime":
			m.StartTime = d.time(c)
		case "endTime":
			m.EndTime = d.time(c)
		case "deviceID":
			m.DeviceID = d.uri(c)
		case "deviceMetadata":
			m.DeviceMetadata = d.uri(c)
		case "rawData":
			m.RawData = d.uri(c)
		case "dataProcessingMethod":
			m.DataProcessingMethod = d.uri(c)
		case "bizRules":
			m.BizRules = d.uri(c)
		default:
			return false
		}
		return true
	})
	return m
}

func (d *decoder) sensorReport(n int32) SensorReport { //nolint:gocyclo,cyclop // one case a field of the standard
	var r SensorReport
	r.Extensions = d.extensions(n, func(c int32) bool {
		switch d.t.nodes[c].key {
		case "type":
			r.Type = d.vocab(c, vocMeasurement())
		case "exception":
			r.Exception = d.vocab(c, vocAlert())
		case "deviceID":
			r.DeviceID = d.uri(c)
		case "deviceMetadata":
			r.DeviceMetadata = d.uri(c)
		case "rawData":
			r.RawData = d.uri(c)
		case "dataProcessingMethod":
			r.DataProcessingMethod = d.uri(c)
		case "bizRules":
			r.BizRules = d.uri(c)
		case "time":
			r.Time = d.time(c)
		case "microorganism":
			r.Microorganism = d.uri(c)
		case "chemicalSubstance":
			r.ChemicalSubstance = d.uri(c)
		case "coordinateReferenceSystem":
			r.CoordinateReferenceSystem = d.uri(c)
		case "value":
			r.Value = d.number(c)
		case "component":
			r.Component = d.vocab(c, vocComponent())
		case "stringValue":
			if d.is(c, KindString) {
				s := d.t.nodes[c].text
				r.StringValue = &s
			}
		case "booleanValue":
			if d.is(c, KindBool) {
				b := d.t.nodes[c].text == "true"
				r.BooleanValue = &b
			}
		case "hexBinaryValue":
			if r.HexBinaryValue = d.str(c); d.t.nodes[c].kind == KindString && !isHex(r.HexBinaryValue) {
				d.fault(c, CodeFormat, quote(r.HexBinaryValue)+" is not hexadecimal")
			}
		case "uriValue":
			r.URIValue = d.uri(c)
		case "minValue":
			r.MinValue = d.number(c)
		case "maxValue":
			r.MaxValue = d.number(c)
		case "meanValue":
			r.MeanValue = d.number(c)
		case "sDev":
			r.SDev = d.number(c)
		case "percRank":
			r.PercRank = d.number(c)
		case "percValue":
			r.PercValue = d.number(c)
		case "uom":
			r.UOM = d.str(c)
		default:
			return false
		}
		return true
	})
	if d.t.child(n, "type") == none {
		d.missing(n, "type")
	}
	return r
}
