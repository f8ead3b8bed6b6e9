package epcis

// MarshalJSON gives the event as compact JSON-LD in the member order of the
// standard. Names and vocabulary are spelled for the @context that the event was
// read in; an @context of the event's own is written out first.
func (e *Event) MarshalJSON() ([]byte, error) {
	w := jsonWriter{b: make([]byte, 0, 1024)}
	w.begin('{')
	if e.Context != nil {
		w.key("@context")
		w.b = append(w.b, e.Context...)
	}
	w.str("type", string(e.Type))
	w.str("eventID", e.EventID)
	w.str("eventTime", e.EventTime.Text)
	w.str("eventTimeZoneOffset", e.EventTimeZoneOffset)
	w.str("recordTime", e.RecordTime.Text)
	switch len(e.CertificationInfo) {
	case 0:
		if e.CertificationInfo != nil {
			w.strs("certificationInfo", e.CertificationInfo)
		}
	case 1:
		w.str("certificationInfo", e.CertificationInfo[0])
	default:
		w.strs("certificationInfo", e.CertificationInfo)
	}
	if d := e.ErrorDeclaration; d != nil {
		w.key("errorDeclaration")
		w.begin('{')
		w.str("declarationTime", d.DeclarationTime.Text)
		w.str("reason", d.Reason)
		w.strs("correctiveEventIDs", d.CorrectiveEventIDs)
		w.extensions(d.Extensions)
		w.end('}')
	}
	w.str("parentID", e.ParentID)
	w.strs("epcList", e.EPCs)
	w.quantities("quantityList", e.Quantities)
	w.strs("childEPCs", e.ChildEPCs)
	w.quantities("childQuantityList", e.ChildQuantities)
	w.strs("inputEPCList", e.InputEPCs)
	w.quantities("inputQuantityList", e.InputQuantities)
	w.strs("outputEPCList", e.OutputEPCs)
	w.quantities("outputQuantityList", e.OutputQuantities)
	w.str("action", string(e.Action))
	w.str("transformationID", e.TransformationID)
	w.str("bizStep", string(e.BizStep))
	w.str("disposition", string(e.Disposition))
	if p := e.PersistentDisposition; p != nil {
		w.key("persistentDisposition")
		w.begin('{')
		words(&w, "set", p.Set)
		words(&w, "unset", p.Unset)
		w.end('}')
	}
	w.location("readPoint", e.ReadPoint)
	w.location("bizLocation", e.BizLocation)
	if e.BizTransactions != nil {
		w.key("bizTransactionList")
		w.begin('[')
		for _, t := range e.BizTransactions {
			w.begin('{')
			w.str("type", t.Type)
			w.str("bizTransaction", t.ID)
			w.end('}')
		}
		w.end(']')
	}
	w.parties("sourceList", "source", e.Sources)
	w.parties("destinationList", "destination", e.Destinations)
	if e.SensorElements != nil {
		w.key("sensorElementList")
		w.begin('[')
		for i := range e.SensorElements {
			w.sensorElement(&e.SensorElements[i])
		}
		w.end(']')
	}
	if e.HasILMD {
		w.key("ilmd")
		w.begin('{')
		w.extensions(e.ILMD)
		w.end('}')
	}
	w.extensions(e.Extensions)
	w.end('}')
	return w.b, nil
}

// jsonWriter writes compact JSON; it puts the commas.
type jsonWriter struct {
	b []byte
	// fresh tells that nothing stands yet in the open object or array.
	fresh bool
}

func (w *jsonWriter) comma() {
	if !w.fresh && len(w.b) > 0 && w.b[len(w.b)-1] != ':' {
		w.b = append(w.b, ',')
	}
	w.fresh = false
}

func (w *jsonWriter) begin(c byte) {
	w.comma()
	w.b = append(w.b, c)
	w.fresh = true
}

func (w *jsonWriter) end(c byte) {
	w.b = append(w.b, c)
	w.fresh = false
}

func (w *jsonWriter) key(name string) {
	w.comma()
	w.b = appendString(w.b, name)
	w.b = append(w.b, ':')
}

func (w *jsonWriter) str(name, s string) {
	if s != "" {
		w.key(name)
		w.b = appendString(w.b, s)
	}
}

func (w *jsonWriter) num(name string, n Number) {
	if n != "" {
		w.key(name)
		w.b = append(w.b, n...)
	}
}

func (w *jsonWriter) strs(name string, list []string) { words(w, name, list) }

// words writes a list of strings; nil is left out, empty is not.
func words[T ~string](w *jsonWriter, name string, list []T) {
	if list == nil {
		return
	}
	w.key(name)
	w.begin('[')
	for _, s := range list {
		w.comma()
		w.b = appendString(w.b, string(s))
	}
	w.end(']')
}

func (w *jsonWriter) quantities(name string, list []Quantity) {
	if list == nil {
		return
	}
	w.key(name)
	w.begin('[')
	for _, q := range list {
		w.begin('{')
		w.str("epcClass", q.EPCClass)
		w.num("quantity", q.Quantity)
		w.str("uom", q.UOM)
		w.end('}')
	}
	w.end(']')
}

func (w *jsonWriter) location(name string, l *Location) {
	if l == nil {
		return
	}
	w.key(name)
	w.begin('{')
	w.str("id", l.ID)
	w.extensions(l.Extensions)
	w.end('}')
}

func (w *jsonWriter) parties(name, member string, list []Party) {
	if list == nil {
		return
	}
	w.key(name)
	w.begin('[')
	for _, p := range list {
		w.begin('{')
		w.str("type", p.Type)
		w.str(member, p.ID)
		w.end('}')
	}
	w.end(']')
}

func (w *jsonWriter) sensorElement(s *SensorElement) {
	w.begin('{')
	if m := s.Metadata; m != nil {
		w.key("sensorMetadata")
		w.begin('{')
		w.str("time", m.Time.Text)
		w.str("startTime", m.StartTime.Text)
		w.str("endTime", m.EndTime.Text)
		w.str("deviceID", m.DeviceID)
		w.str("deviceMetadata", m.DeviceMetadata)
		w.str("rawData", m.RawData)
		w.str("dataProcessingMethod", m.DataProcessingMethod)
		w.str("bizRules", m.BizRules)
		w.extensions(m.Extensions)
		w.end('}')
	}
	w.key("sensorReport")
	w.begin('[')
	for i := range s.Reports {
		w.sensorReport(&s.Reports[i])
	}
	w.end(']')
	w.extensions(s.Extensions)
	w.end('}')
}

func (w *jsonWriter) sensorReport(r *SensorReport) {
	w.begin('{')
	w.str("type", r.Type)
	w.str("exception", r.Exception)
	w.str("deviceID", r.DeviceID)
	w.str("deviceMetadata", r.DeviceMetadata)
	w.str("rawData", r.RawData)
	w.str("dataProcessingMethod", r.DataProcessingMethod)
	w.str("bizRules", r.BizRules)
	w.str("time", r.Time.Text)
	w.str("microorganism", r.Microorganism)
	w.str("chemicalSubstance", r.ChemicalSubstance)
	w.num("value", r.Value)
	w.str("component", r.Component)
	if r.StringValue != nil {
		w.key("stringValue")
		w.b = appendString(w.b, *r.StringValue)
	}
	if r.BooleanValue != nil {
		w.key("booleanValue")
		if *r.BooleanValue {
			w.b = append(w.b, "true"...)
		} else {
			w.b = append(w.b, "false"...)
		}
	}
	w.str("hexBinaryValue", r.HexBinaryValue)
	w.str("uriValue", r.URIValue)
	w.num("minValue", r.MinValue)
	w.num("maxValue", r.MaxValue)
	w.num("meanValue", r.MeanValue)
	w.num("sDev", r.SDev)
	w.num("percRank", r.PercRank)
	w.num("percValue", r.PercValue)
	if r.UOM != "" {
		w.str("uom", r.UOM)
	}
	w.str("coordinateReferenceSystem", r.CoordinateReferenceSystem)
	w.extensions(r.Extensions)
	w.end('}')
}

func (w *jsonWriter) extensions(list []Extension) {
	for i := range list {
		w.key(list[i].Name)
		w.value(&list[i].Value)
	}
}

func (w *jsonWriter) value(v *Value) {
	switch v.Kind {
	case KindObject:
		w.begin('{')
		w.extensions(v.Members)
		w.end('}')
	case KindArray:
		w.begin('[')
		for i := range v.Items {
			w.value(&v.Items[i])
		}
		w.end(']')
	case KindString:
		w.comma()
		w.b = appendString(w.b, v.Text)
	case KindNumber, KindBool:
		w.comma()
		w.b = append(w.b, v.Text...)
	case KindNull:
		w.comma()
		w.b = append(w.b, "null"...)
	}
}
