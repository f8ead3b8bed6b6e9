package epcis

// The vocabularies of CBV 2.0, as bare words. Source: CBV 2.0, sections 7 and 8,
// and the enumerations of GS1's EPCIS JSON Schema.

const (
	webBizStep     = "https://ref.gs1.org/cbv/BizStep-"
	webDisposition = "https://ref.gs1.org/cbv/Disp-"
	webTransaction = "https://ref.gs1.org/cbv/BTT-"
	webParty       = "https://ref.gs1.org/cbv/SDT-"
	webReason      = "https://ref.gs1.org/cbv/ER-"
	webComponent   = "https://ref.gs1.org/cbv/Comp-"
	webVoc         = "https://gs1.org/voc/"
	webCBV         = "https://ref.gs1.org/cbv/"
)

// vocabulary is one enumeration of the CBV.
type vocabulary struct {
	what string
	// words tells the bare words.
	words func(string) bool
	// web is what stands before a bare word in a web vocabulary URI.
	web string
	// urn is what stands before the word in the URN of CBV 1.x; empty if there is none.
	urn string
	// refuse tells which URIs may not be written out where the bare word is meant.
	refuse func(string) bool
}

func isBizStep(s string) bool {
	switch s {
	case "accepting", "arriving", "assembling", "collecting", "commissioning", "consigning",
		"creating_class_instance", "cycle_counting", "decommissioning", "departing", "destroying",
		"disassembling", "dispensing", "encoding", "entering_exiting", "holding", "inspecting",
		"installing", "killing", "loading", "other", "packing", "picking", "receiving", "removing",
		"repackaging", "repairing", "replacing", "reserving", "retail_selling", "shipping",
		"staging_outbound", "stock_taking", "stocking", "storing", "transporting", "unloading",
		"unpacking", "void_shipping", "sensor_reporting", "sampling":
		return true
	}
	return false
}

func isDisposition(s string) bool {
	switch s {
	case "active", "container_closed", "damaged", "destroyed", "dispensed", "disposed", "encoded",
		"expired", "in_progress", "in_transit", "inactive", "no_pedigree_match", "non_sellable_other",
		"partially_dispensed", "recalled", "reserved", "retail_sold", "returned", "sellable_accessible",
		"sellable_not_accessible", "stolen", "unknown", "available", "completeness_verified",
		"completeness_inferred", "conformant", "container_open", "mismatch_instance", "mismatch_class",
		"mismatch_quantity", "needs_replacement", "non_conformant", "unavailable":
		return true
	}
	return false
}

func isTransactionType(s string) bool {
	switch s {
	case "bol", "cert", "desadv", "inv", "pedigree", "po", "poc", "prodorder", "recadv", "rma",
		"testprd", "testres", "upevt":
		return true
	}
	return false
}

func isPartyType(s string) bool {
	return s == "owning_party" || s == "possessing_party" || s == "location"
}

func isErrorReason(s string) bool { return s == "did_not_occur" || s == "incorrect_data" }

func isAlertType(s string) bool { return s == "ALARM_CONDITION" || s == "ERROR_CONDITION" }

func isComponent(s string) bool {
	switch s {
	case "x", "y", "z", "axial_distance", "azimuth", "height", "spherical_radius", "polar_angle",
		"elevation_angle", "easting", "northing", "latitude", "longitude", "altitude":
		return true
	}
	return false
}

func isMeasurementType(s string) bool {
	switch s {
	case "AbsoluteHumidity", "AbsorbedDose", "AbsorbedDoseRate", "Acceleration", "Radioactivity",
		"Altitude", "AmountOfSubstance", "AmountOfSubstancePerUnitVolume", "Angle", "AngularAcceleration",
		"AngularMomentum", "AngularVelocity", "Area", "Capacitance", "Conductance", "Conductivity", "Count",
		"Density", "Dimensionless", "DoseEquivalent", "DoseEquivalentRate", "DynamicViscosity",
		"ElectricCharge", "ElectricCurrent", "ElectricCurrentDensity", "ElectricFieldStrength", "Energy",
		"Exposure", "Force", "Frequency", "Illuminance", "Inductance", "Irradiance", "KinematicViscosity",
		"Length", "LinearMomentum", "Luminance", "LuminousFlux", "LuminousIntensity", "MagneticFlux",
		"MagneticFluxDensity", "MagneticVectorPotential", "Mass", "MassConcentration", "MassFlowRate",
		"MassPerAreaTime", "MemoryCapacity", "MolalityOfSolute", "MolarEnergy", "MolarMass", "MolarVolume",
		"Power", "Pressure", "RadiantFlux", "RadiantIntensity", "RelativeHumidity", "Resistance",
		"Resistivity", "SolidAngle", "SpecificVolume", "Speed", "SurfaceDensity", "SurfaceTension",
		"Temperature", "Time", "Torque", "Voltage", "Volume", "VolumeFlowRate", "VolumeFraction",
		"VolumetricFlux", "Wavenumber":
		return true
	}
	return false
}

// refuseCBV holds back what the schema's vocab-other-uri pattern does.
func refuseCBV(s string) bool {
	return hasPrefix(s, "urn:epcglobal:cbv") ||
		hasPrefix(s, "https://ns.gs1.org/cbv/") || hasPrefix(s, "http://ns.gs1.org/cbv/")
}

// refuseVoc holds back what the schema's vocab-nonGS1WebVoc-uri pattern does.
func refuseVoc(s string) bool {
	return hasPrefix(s, "https://gs1.org/voc/") || hasPrefix(s, "http://gs1.org/voc/") ||
		hasPrefix(s, "https://www.gs1.org/voc/") || hasPrefix(s, "http://www.gs1.org/voc/")
}

func hasPrefix(s, p string) bool { return len(s) >= len(p) && s[:len(p)] == p }

func vocBizStep() vocabulary {
	return vocabulary{"a CBV business step", isBizStep, webBizStep, "urn:epcglobal:cbv:bizstep:", refuseCBV}
}

func vocDisposition() vocabulary {
	return vocabulary{"a CBV disposition", isDisposition, webDisposition, "urn:epcglobal:cbv:disp:", refuseCBV}
}

func vocTransaction() vocabulary {
	return vocabulary{"a CBV business transaction type", isTransactionType, webTransaction, "urn:epcglobal:cbv:btt:", refuseCBV}
}

func vocParty() vocabulary {
	return vocabulary{"a CBV source or destination type", isPartyType, webParty, "urn:epcglobal:cbv:sdt:", refuseCBV}
}

func vocReason() vocabulary {
	return vocabulary{"a CBV error reason", isErrorReason, webReason, "urn:epcglobal:cbv:er:", refuseCBV}
}

func vocMeasurement() vocabulary {
	return vocabulary{"a GS1 measurement type", isMeasurementType, webVoc, "", refuseVoc}
}

func vocAlert() vocabulary {
	return vocabulary{"a GS1 sensor alert type", isAlertType, webVoc, "", refuseVoc}
}

func vocComponent() vocabulary {
	return vocabulary{"a CBV component", isComponent, webComponent, "urn:epcglobal:cbv:comp:", refuseCBV}
}

// bare gives the bare word of a CURIE or web URI of this vocabulary, or s itself.
func (v vocabulary) bare(s string) string {
	full := expandGS1(s)
	if hasPrefix(full, v.web) {
		if w := full[len(v.web):]; v.words(w) {
			return w
		}
	}
	return s
}

// bareOfURN also takes the URN of CBV 1.x, as XML documents write it.
func (v vocabulary) bareOfURN(s string) string {
	if v.urn != "" && hasPrefix(s, v.urn) {
		if w := s[len(v.urn):]; v.words(w) {
			return w
		}
		return s
	}
	return v.bare(s)
}

// expandGS1 writes the CURIEs of GS1's two vocabularies out.
func expandGS1(s string) string {
	if hasPrefix(s, "cbv:") {
		return webCBV + s[4:]
	}
	if hasPrefix(s, "gs1:") {
		return webVoc + s[4:]
	}
	return s
}
