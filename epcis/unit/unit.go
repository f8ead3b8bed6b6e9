// Package unit knows the units of measure of UN/CEFACT Recommendation 20 that measurements are stated
// in: what each measures, and how units of one dimension convert. It imports nothing of Waybill.
package unit

import "slices"

// Unit is a unit of measure with a UN/CEFACT code.
type Unit struct {
	// Code is the UN/CEFACT common code, such as CEL.
	Code string
	// Dimension is what the unit measures, such as temperature. Units of one
	// dimension convert into each other.
	Dimension string
	// Num, Den and Offset are exact decimals: an amount in the base unit of the dimension is
	// value × Num/Den + Offset. The empty offset is 0.
	Num, Den, Offset string
}

// Measures tells whether the unit of a code is one for a measurement type of the GS1 Web Vocabulary,
// such as CEL for Temperature. known is false when the type, or the code, is not known here.
// Source: GS1 Web Vocabulary, MeasurementType, by the dimension of the SI unit of each type.
func Measures(measurement, code string) (fits, known bool) {
	dimensions := dimensionsOf(measurement)
	u, ok := Of(code)
	if !ok || len(dimensions) == 0 {
		return false, false
	}
	return slices.Contains(dimensions, u.Dimension), true
}

// dimensionsOf gives what a measurement type may be stated in.
func dimensionsOf(measurement string) []string {
	switch measurement {
	case "AbsorbedDose":
		return []string{"absorbedDose"}
	case "AbsorbedDoseRate":
		return []string{"absorbedDoseRate"}
	case "Acceleration":
		return []string{"acceleration"}
	case "AmountOfSubstance":
		return []string{"amountOfSubstance"}
	case "Angle":
		return []string{"angle"}
	case "AngularAcceleration":
		return []string{"angularAcceleration"}
	case "AngularMomentum":
		return []string{"angularMomentum"}
	case "AngularVelocity":
		return []string{"angularVelocity", "frequency"}
	case "Area":
		return []string{"area"}
	case "Capacitance":
		return []string{"capacitance"}
	case "Conductance":
		return []string{"conductance"}
	case "Conductivity":
		return []string{"conductivity"}
	case "AbsoluteHumidity", "Density":
		return []string{"density"}
	case "MassConcentration":
		return []string{"density", "ratio"}
	case "DoseEquivalent":
		return []string{"doseEquivalent"}
	case "DoseEquivalentRate":
		return []string{"doseEquivalentRate"}
	case "DynamicViscosity":
		return []string{"dynamicViscosity"}
	case "ElectricCharge":
		return []string{"electricCharge"}
	case "ElectricCurrent":
		return []string{"electricCurrent"}
	case "ElectricCurrentDensity":
		return []string{"electricCurrentDensity"}
	case "ElectricFieldStrength":
		return []string{"electricFieldStrength"}
	case "Energy":
		return []string{"energy"}
	case "Exposure":
		return []string{"exposure"}
	case "Force":
		return []string{"force"}
	case "Frequency":
		return []string{"frequency", "angularVelocity"}
	case "Illuminance":
		return []string{"illuminance"}
	case "Inductance":
		return []string{"inductance"}
	case "Irradiance":
		return []string{"irradiance"}
	case "KinematicViscosity":
		return []string{"kinematicViscosity"}
	case "Altitude", "Length":
		return []string{"length"}
	case "LinearMomentum":
		return []string{"linearMomentum"}
	case "Luminance":
		return []string{"luminance"}
	case "LuminousFlux":
		return []string{"luminousFlux"}
	case "LuminousIntensity":
		return []string{"luminousIntensity"}
	case "MagneticFlux":
		return []string{"magneticFlux"}
	case "MagneticFluxDensity":
		return []string{"magneticFluxDensity"}
	case "MagneticVectorPotential":
		return []string{"magneticVectorPotential"}
	case "Mass":
		return []string{"mass"}
	case "MassFlowRate":
		return []string{"massFlowRate"}
	case "MassPerAreaTime":
		return []string{"massPerAreaTime"}
	case "MemoryCapacity":
		return []string{"memoryCapacity"}
	case "MolalityOfSolute":
		return []string{"molality"}
	case "AmountOfSubstancePerUnitVolume":
		return []string{"molarConcentration"}
	case "MolarEnergy":
		return []string{"molarEnergy"}
	case "MolarMass":
		return []string{"molarMass"}
	case "MolarVolume":
		return []string{"molarVolume"}
	case "Power", "RadiantFlux":
		return []string{"power"}
	case "Pressure":
		return []string{"pressure", "energyDensity"}
	case "RadiantIntensity":
		return []string{"radiantIntensity"}
	case "Radioactivity":
		return []string{"radioactivity", "frequency"}
	case "Count", "Dimensionless", "RelativeHumidity", "VolumeFraction":
		return []string{"ratio"}
	case "Resistance":
		return []string{"resistance"}
	case "Resistivity":
		return []string{"resistivity"}
	case "SolidAngle":
		return []string{"solidAngle"}
	case "SpecificVolume":
		return []string{"specificVolume"}
	case "Speed", "VolumetricFlux":
		return []string{"speed"}
	case "SurfaceDensity":
		return []string{"surfaceDensity"}
	case "SurfaceTension":
		return []string{"surfaceTension"}
	case "Temperature":
		return []string{"temperature"}
	case "Time":
		return []string{"time"}
	case "Torque":
		return []string{"torque", "energy"}
	case "Voltage":
		return []string{"voltage"}
	case "Volume":
		return []string{"volume"}
	case "VolumeFlowRate":
		return []string{"volumeFlowRate"}
	case "Wavenumber":
		return []string{"wavenumber"}
	}
	return nil
}
