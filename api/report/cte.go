package report

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// CTE is a critical tracking event of 21 CFR 1.1310.
type CTE string

// The critical tracking events, and what is close to one.
const (
	Harvesting     CTE = "harvesting"
	Cooling        CTE = "cooling before initial packing"
	InitialPacking CTE = "initial packing"
	Landing        CTE = "first land-based receiving"
	Shipping       CTE = "shipping"
	Receiving      CTE = "receiving"
	Transformation CTE = "transformation"
	// LotAssigned is an event that gives a lot its code and does not say whether by initial packing,
	// first land-based receiving or transformation.
	LotAssigned CTE = "lot code assigned"
	// VoidShipping takes an earlier shipping back.
	VoidShipping CTE = "shipping voided"
	// Unreadable is an event that this program cannot read.
	Unreadable CTE = "unreadable"
	// NoCTE is any other event: it has no row.
	NoCTE CTE = ""
)

// cteOf tells which critical tracking event an event is. What the CBV has no word for is known by the
// last word of another vocabulary's URI, such as urn:gdst:bizStep:landing.
func cteOf(e *event) CTE {
	if e.unreadable != nil {
		return Unreadable
	}
	switch word := lastWord(string(e.BizStep)); word {
	case "harvesting", "harvest", "farmharvest":
		return Harvesting
	case "cooling", "precooling", "hydrocooling", "vacuumcooling", "icing", "forcedaircooling":
		return Cooling
	case "initialpacking", "initialpack":
		return InitialPacking
	case "landing", "firstlandbasedreceiving", "firstlandbasedreceiver", "firstlandreceiving":
		return Landing
	case "shipping", "consigning":
		return Shipping
	case "receiving", "accepting":
		return Receiving
	case "voidshipping":
		return VoidShipping
	case "transformation", "transforming", "repackaging", "processing":
		return Transformation
	}
	harvested := e.fact("harvestStartDate", "harvestDate", "harvestEndDate") != ""
	if e.Type == epcis.TransformationEvent {
		if harvested {
			return InitialPacking
		}
		return Transformation
	}
	if e.Type == epcis.ObjectEvent && e.Action == epcis.Add && givesLot(e) {
		switch {
		case e.fact("vesselCatchInformationList", "vesselCatchInformation", "catchArea", "landingDate") != "" || nested(e, "vesselCatchInformationList"):
			return Landing
		case harvested:
			return InitialPacking
		}
		return LotAssigned
	}
	return NoCTE
}

func nested(e *event, name string) bool {
	return slices.ContainsFunc(e.ILMD, func(x epcis.Extension) bool { return x.Local == name })
}

// givesLot reports whether an event that brings objects into being gives them a lot.
func givesLot(e *event) bool {
	if e.fact("lotNumber", "hasBatchLotNumber", "traceabilityLotCode") != "" {
		return true
	}
	return slices.ContainsFunc(e.Quantities, func(q epcis.Quantity) bool { return parts(canonical(q.EPCClass)).lot != "" })
}

// lastWord is the last word of a business step, in lower case without separators.
func lastWord(step string) string {
	if i := strings.LastIndexAny(step, ":/#"); i >= 0 {
		step = step[i+1:]
	}
	step = strings.TrimPrefix(strings.ToLower(step), "bizstep-")
	if !strings.ContainsAny(step, "_- ") {
		return step
	}
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, step)
}
