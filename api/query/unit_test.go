package query

import (
	"math"
	"math/big"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/epcis/unit"
)

func TestUnitsMeetAtKnownAmounts(t *testing.T) {
	// Equal amounts, from the definitions of the units and from textbooks.
	for _, c := range []struct{ a, aUnit, b, bUnit string }{
		{"0", "CEL", "273.15", "KEL"},
		{"-40", "CEL", "-40", "FAH"},
		{"100", "CEL", "212", "FAH"},
		{"37", "CEL", "98.6", "FAH"},
		{"2", "CEL", "35.6", "FAH"},
		{"8", "CEL", "46.4", "FAH"},
		{"0", "KEL", "-459.67", "FAH"},
		{"491.67", "A48", "0", "CEL"},
		{"1", "KGM", "1000", "GRM"},
		{"1", "LBR", "0.45359237", "KGM"},
		{"16", "ONZ", "1", "LBR"},
		{"1", "TNE", "1000000", "GRM"},
		{"1", "MTR", "100", "CMT"},
		{"1", "INH", "25.4", "MMT"},
		{"12", "INH", "1", "FOT"},
		{"1", "NMI", "1852", "MTR"},
		{"1", "SMI", "5280", "FOT"},
		{"1", "LTR", "1000", "MLT"},
		{"1", "GLL", "3.785411784", "LTR"},
		{"1", "GLI", "4.54609", "LTR"},
		{"1", "MTQ", "1000", "LTR"},
		{"1", "DMQ", "1", "LTR"},
		{"1", "BAR", "100", "KPA"},
		{"1", "ATM", "101325", "PAL"},
		{"1", "A97", "1", "MBR"},
		{"760", "UA", "1", "ATM"},
		{"36", "KMH", "10", "MTS"},
		{"1", "HUR", "3600", "SEC"},
		{"1", "DAY", "24", "HUR"},
		{"1", "WEE", "7", "DAY"},
		{"1", "KWH", "3.6", "3B"},
		{"1", "KWT", "1000", "WTT"},
		{"60", "L2", "1", "D"},
		{"1", "MQH", "1000", "E32"},
		{"50", "P1", "0.5", "C62"},
		{"1", "NX", "1000", "59"},
		{"1", "KLX", "1000", "LUX"},
		{"1", "GL", "1", "KMQ"},
		{"1", "CUR", "37", "GBQ"},
		{"180", "DD", "200", "A91"},
		{"60", "RPM", "1", "RPS"},
		{"1", "AD", "8", "A99"},
		{"1", "E64", "1024", "AD"},
	} {
		da, va, ok := Measure(epcis.Number(c.a), c.aUnit)
		db, vb, ok2 := Measure(epcis.Number(c.b), c.bUnit)
		if _, known := unit.Of(c.bUnit); !known {
			continue
		}
		if !ok || !ok2 || da != db || va != vb {
			t.Errorf("%s %s is %v %s, %s %s is %v %s", c.a, c.aUnit, va, da, c.b, c.bUnit, vb, db)
		}
	}
}

// TestUnitsAgreeWithRecommendation20 compares with factors as printed there, which
// are rounded to six or seven digits.
func TestUnitsAgreeWithRecommendation20(t *testing.T) {
	for code, want := range map[string]float64{
		"ACR": 4046.873, "FTK": 9.290304e-2, "YDK": .8361274, "GE": 119.8264, "K41": .01711806, "K71": 99.77637, "LA": 27679.9, "BTU": 1055.056,
		"G2": 6.30902e-5, "K27": 1.262803e-6, "C78": 4.448222, "P25": 10.76391, "N49": 1550.003, "M49": 20.11684, "LTN": 1016.047, "STN": 907.1847,
		"HN": 133.3224, "PS": 6894.757, "N29": .06242796, "KNT": .514444, "M92": 1.355818, "BLL": .1589873, "BUA": .03523907, "OZA": 2.957353e-5,
		"QTI": .0011365225, "A91": .01570796, "D61": 2.908882e-4, "M46": .1047198, "87": 16.01846, "2K": 7.86579e-6, "37": .3051517, "5A": .00264979,
	} {
		u, ok := unit.Of(code)
		if !ok {
			t.Errorf("%s is unknown", code)
			continue
		}
		got, _ := new(big.Rat).Quo(rational(u.Num), rational(u.Den)).Float64()
		if math.Abs(got/want-1) > 3e-6 {
			t.Errorf("%s: %g, printed is %g", code, got, want)
		}
	}
}

func TestEachMeasurementTypeHasUnits(t *testing.T) {
	// A unit of each measurement type of the GS1 Web Vocabulary, mostly the SI one.
	// Count, RelativeHumidity, VolumeFraction and Dimensionless are ratios.
	for measurement, code := range map[string]string{
		"AbsoluteHumidity": "KMQ", "AbsorbedDose": "A95", "AbsorbedDoseRate": "P54", "Acceleration": "MSK", "Radioactivity": "BQL", "Altitude": "MTR",
		"AmountOfSubstance": "C34", "AmountOfSubstancePerUnitVolume": "C36", "Angle": "C81", "AngularAcceleration": "2B", "AngularMomentum": "B33",
		"AngularVelocity": "2A", "Area": "MTK", "Capacitance": "FAR", "Conductance": "SIE", "Conductivity": "D10", "Count": "C62", "Density": "KMQ",
		"Dimensionless": "C62", "DoseEquivalent": "D13", "DoseEquivalentRate": "P65", "DynamicViscosity": "C65", "ElectricCharge": "COU", "ElectricCurrent": "AMP",
		"ElectricCurrentDensity": "A41", "ElectricFieldStrength": "D50", "Energy": "JOU", "Exposure": "CKG", "Force": "NEW", "Frequency": "HTZ", "Illuminance": "LUX",
		"Inductance": "81", "Irradiance": "D54", "KinematicViscosity": "S4", "Length": "MTR", "LinearMomentum": "B31", "Luminance": "A24", "LuminousFlux": "LUM",
		"LuminousIntensity": "CDL", "MagneticFlux": "WEB", "MagneticFluxDensity": "D33", "MagneticVectorPotential": "D59", "Mass": "KGM", "MassConcentration": "KMQ",
		"MassFlowRate": "KGS", "MassPerAreaTime": "H56", "MemoryCapacity": "AD", "MolalityOfSolute": "C19", "MolarEnergy": "B15", "MolarMass": "D74", "MolarVolume": "A40",
		"Power": "WTT", "Pressure": "PAL", "RadiantFlux": "WTT", "RadiantIntensity": "D57", "RelativeHumidity": "P1", "Resistance": "OHM", "Resistivity": "C61",
		"SolidAngle": "D27", "SpecificVolume": "A39", "Speed": "MTS", "SurfaceDensity": "28", "SurfaceTension": "4P", "Temperature": "KEL", "Time": "SEC", "Torque": "NU",
		"Voltage": "VLT", "Volume": "MTQ", "VolumeFlowRate": "MQS", "VolumeFraction": "C62", "VolumetricFlux": "MTS", "Wavenumber": "C92",
	} {
		if !epcis.StandardMeasurementType(measurement) {
			t.Errorf("%s is no measurement type", measurement)
		}
		if _, ok := unit.Of(code); !ok {
			t.Errorf("%s: unit %s is unknown", measurement, code)
		}
		if fits, known := unit.Measures(measurement, code); !fits || !known {
			t.Errorf("%s is not measured in %s", measurement, code)
		}
	}
}

func TestConversionKeepsOrderAndNeverOverflowsWork(t *testing.T) {
	codes := []string{"CEL", "FAH", "KEL", "A48", "GRM", "LBR", "UA", "K41", "E60", "H48"}
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SampledFrom(codes).Draw(t, "code")
		a := rapid.Float64Range(-1e12, 1e12).Draw(t, "a")
		b := rapid.Float64Range(-1e12, 1e12).Draw(t, "b")
		text := func(f float64) epcis.Number { return epcis.Number(strconv.FormatFloat(f, 'g', -1, 64)) }
		_, x, _ := Measure(text(a), code)
		_, y, _ := Measure(text(b), code)
		if a < b && x > y || a > b && x < y {
			t.Fatalf("%v and %v change places in %s: %v, %v", a, b, code, x, y)
		}
	})
	for _, n := range []epcis.Number{"1e308", "1e-300", "-0", "0e99999999", "1e-99999999", "0.000000000000000000000000000000000000000000000000000001"} {
		if _, _, ok := Measure(n, "CEL"); !ok {
			t.Errorf("%s is not read", n)
		}
	}
	if _, _, ok := Measure("1e999", "CEL"); ok {
		t.Error("a number beyond float64 is taken")
	}
}
