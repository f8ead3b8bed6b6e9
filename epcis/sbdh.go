package epcis

// The Standard Business Document Header of UN/CEFACT, which an EPCISHeader may hold.
// JSON-LD has members for three of its fields; the rest of a header that has more is
// kept under its own name in epcisHeader.
const (
	sbdhNamespace = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
	sbdhElement   = "StandardBusinessDocumentHeader"
	sbdhPrefix    = "sbdh"
)

// sbdhOf makes the header of a document from its sender, receiver and
// instanceIdentifier, with the fixed values of EPCIS 1.2, section 9.2.
func sbdhOf(d *Document) Extension {
	text := func(s string) Value { return Value{Kind: KindString, Text: s} }
	name := func(local string, v Value) Extension {
		return Extension{Namespace: sbdhNamespace, Local: local, Name: sbdhPrefix + ":" + local, Value: v}
	}
	object := func(local string, members ...Extension) Extension {
		return name(local, Value{Kind: KindObject, Members: members})
	}
	header := object(sbdhElement, name("HeaderVersion", text("1.0")))
	add := func(x Extension) { header.Value.Members = append(header.Value.Members, x) }
	party := func(local, id string) {
		if id != "" {
			add(object(local, object("Identifier",
				Extension{Local: "Authority", Name: "Authority", Value: text("GS1")},
				Extension{Local: textMember, Name: textMember, Value: text(id)})))
		}
	}
	party("Sender", d.Sender)
	party("Receiver", d.Receiver)
	identification := []Extension{name("Standard", text("EPCglobal")), name("TypeVersion", text("1.0"))}
	if d.InstanceIdentifier != "" {
		identification = append(identification, name("InstanceIdentifier", text(d.InstanceIdentifier)))
	}
	add(object("DocumentIdentification", append(identification,
		name("Type", text("Events")), name("CreationDateAndTime", text(xmlTimeOut(d.CreationDate.Text))))...))
	return header
}
