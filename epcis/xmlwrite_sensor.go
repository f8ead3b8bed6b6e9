package epcis

import "strconv"

func (w *xmlWriter) sensorElements(list []SensorElement) {
	if list == nil {
		return
	}
	w.open("sensorElementList")
	for i := range list {
		w.at = "$.sensorElementList[" + strconv.Itoa(i) + "]"
		w.sensorElement(&list[i])
	}
	w.end("sensorElementList")
}

// optional writes an attribute unless its value is empty.
func (w *xmlWriter) optional(name, value string) {
	if value != "" {
		w.attr(name, value)
	}
}

func (w *xmlWriter) sensorElement(s *SensorElement) {
	w.open("sensorElement")
	if m := s.Metadata; m != nil {
		w.begin("sensorMetadata")
		w.optional("time", xmlTimeOut(m.Time.Text))
		w.optional("startTime", xmlTimeOut(m.StartTime.Text))
		w.optional("endTime", xmlTimeOut(m.EndTime.Text))
		w.optional("deviceID", m.DeviceID)
		w.optional("deviceMetadata", m.DeviceMetadata)
		w.optional("rawData", m.RawData)
		w.optional("dataProcessingMethod", m.DataProcessingMethod)
		w.optional("bizRules", m.BizRules)
		w.rest("sensorMetadata", m.Extensions)
	}
	for i := range s.Reports {
		w.sensorReport(&s.Reports[i])
	}
	w.extensions(s.Extensions)
	w.end("sensorElement")
}

// rest ends an element whose fields are attributes: extensions are attributes too
// where they can be, else children.
func (w *xmlWriter) rest(name string, list []Extension) {
	var kids []*Extension
	for i := range list {
		if list[i].Namespace == "" || !w.attribute(&list[i]) {
			kids = append(kids, &list[i])
		}
	}
	w.inner()
	for _, x := range kids {
		w.extension(x, true)
	}
	w.end(name)
}

func (w *xmlWriter) sensorReport(r *SensorReport) {
	w.begin("sensorReport")
	w.optional("type", w.spelled(r.Type, vocMeasurement()))
	w.optional("exception", w.spelled(r.Exception, vocAlert()))
	w.optional("deviceID", r.DeviceID)
	w.optional("deviceMetadata", r.DeviceMetadata)
	w.optional("rawData", r.RawData)
	w.optional("dataProcessingMethod", r.DataProcessingMethod)
	w.optional("bizRules", r.BizRules)
	w.optional("time", xmlTimeOut(r.Time.Text))
	w.optional("microorganism", r.Microorganism)
	w.optional("chemicalSubstance", r.ChemicalSubstance)
	w.optional("value", string(r.Value))
	w.optional("component", w.spelled(r.Component, vocComponent()))
	if r.StringValue != nil {
		w.attr("stringValue", *r.StringValue)
	}
	if r.BooleanValue != nil {
		w.attr("booleanValue", strconv.FormatBool(*r.BooleanValue))
	}
	w.optional("hexBinaryValue", r.HexBinaryValue)
	w.optional("uriValue", r.URIValue)
	w.optional("minValue", string(r.MinValue))
	w.optional("maxValue", string(r.MaxValue))
	w.optional("meanValue", string(r.MeanValue))
	w.optional("sDev", string(r.SDev))
	w.optional("percRank", string(r.PercRank))
	w.optional("percValue", string(r.PercValue))
	w.optional("uom", r.UOM)
	w.optional("coordinateReferenceSystem", r.CoordinateReferenceSystem)
	w.rest("sensorReport", r.Extensions)
}
