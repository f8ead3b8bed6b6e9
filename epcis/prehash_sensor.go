package epcis

import "strconv"

func (h *hasher) sensorElements(list []SensorElement) {
	h.named("sensorElementList", len(list), func(i int) {
		s := &list[i]
		start := len(h.buf)
		h.buf = append(h.buf, "sensorElement"...)
		at := len(h.buf)
		h.sensorMetadata(s.Metadata)
		l := h.open()
		for r := range s.Reports {
			from := len(h.buf)
			h.sensorReport(&s.Reports[r])
			h.member(from)
		}
		h.close(l)
		h.own(elementChildren(s), s.Extensions)
		if len(h.buf) == at {
			h.buf = h.buf[:start]
		}
	})
}

func elementChildren(s *SensorElement) int {
	n := len(s.Reports) + children(s.Extensions)
	if s.Metadata != nil {
		n++
	}
	return n
}

func (h *hasher) sensorMetadata(m *SensorMetadata) {
	if m == nil {
		return
	}
	start := len(h.buf)
	h.buf = append(h.buf, "sensorMetadata"...)
	at := len(h.buf)
	h.time("time", m.Time)
	h.time("startTime", m.StartTime)
	h.time("endTime", m.EndTime)
	h.field("deviceID", m.DeviceID)
	h.field("deviceMetadata", m.DeviceMetadata)
	h.field("rawData", m.RawData)
	h.field("dataProcessingMethod", m.DataProcessingMethod)
	h.field("bizRules", m.BizRules)
	h.own(metadataChildren(m), m.Extensions)
	if len(h.buf) == at {
		h.buf = h.buf[:start]
	}
}

func metadataChildren(m *SensorMetadata) int {
	n := children(m.Extensions)
	for _, s := range [...]string{
		m.Time.Text, m.StartTime.Text, m.EndTime.Text,
		m.DeviceID, m.DeviceMetadata, m.RawData, m.DataProcessingMethod, m.BizRules,
	} {
		if s != "" {
			n++
		}
	}
	return n
}

func (h *hasher) sensorReport(r *SensorReport) {
	start := len(h.buf)
	h.buf = append(h.buf, "sensorReport"...)
	at := len(h.buf)
	h.word("type", r.Type, vocMeasurement())
	h.word("exception", r.Exception, vocAlert())
	h.field("deviceID", r.DeviceID)
	h.field("deviceMetadata", r.DeviceMetadata)
	h.field("rawData", r.RawData)
	h.field("dataProcessingMethod", r.DataProcessingMethod)
	h.time("time", r.Time)
	h.field("microorganism", r.Microorganism)
	h.field("chemicalSubstance", r.ChemicalSubstance)
	h.field("value", string(r.Value))
	h.word("component", r.Component, vocComponent())
	if r.StringValue != nil {
		h.field("stringValue", *r.StringValue)
	}
	if r.BooleanValue != nil {
		h.field("booleanValue", strconv.FormatBool(*r.BooleanValue))
	}
	h.field("hexBinaryValue", r.HexBinaryValue)
	h.field("uriValue", r.URIValue)
	h.field("minValue", string(r.MinValue))
	h.field("maxValue", string(r.MaxValue))
	h.field("meanValue", string(r.MeanValue))
	h.field("sDev", string(r.SDev))
	h.field("percRank", string(r.PercRank))
	h.field("percValue", string(r.PercValue))
	h.field("uom", r.UOM)
	h.field("coordinateReferenceSystem", r.CoordinateReferenceSystem)
	if h.profile == ProfileText {
		h.field("bizRules", r.BizRules)
	}
	h.own(reportChildren(r), r.Extensions)
	if len(h.buf) == at {
		h.buf = h.buf[:start]
	}
}

// reportChildren counts a report's children; a report has a type and, if it has
// a second field of the standard, no more need be known.
func reportChildren(r *SensorReport) int {
	n := children(r.Extensions)
	if r.Type != "" {
		n++
	}
	return n
}

// sensorRest writes what the reference's order does not know of sensor elements.
func (h *hasher) sensorRest(list []SensorElement) {
	leftover := false
	for i := range list {
		s := &list[i]
		leftover = leftover || len(s.Extensions) > 0 || s.Metadata != nil && len(s.Metadata.Extensions) > 0
		for r := range s.Reports {
			leftover = leftover || s.Reports[r].BizRules != "" || len(s.Reports[r].Extensions) > 0
		}
	}
	if !leftover {
		return
	}
	h.prefixed("sensorElementList", func() {
		for i := range list {
			from := len(h.buf)
			h.prefixed("sensorElement", func() { h.sensorElementRest(&list[i]) })
			h.member(from)
		}
	})
}

func (h *hasher) sensorElementRest(s *SensorElement) {
	if s.Metadata != nil {
		from := len(h.buf)
		h.prefixed("sensorMetadata", func() { h.others(metadataChildren(s.Metadata), s.Metadata.Extensions) })
		h.member(from)
	}
	for r := range s.Reports {
		rep := &s.Reports[r]
		from := len(h.buf)
		h.prefixed("sensorReport", func() {
			at := len(h.buf)
			h.field("bizRules", rep.BizRules)
			h.member(at)
			h.others(reportChildren(rep), rep.Extensions)
		})
		h.member(from)
	}
	h.others(elementChildren(s), s.Extensions)
}
