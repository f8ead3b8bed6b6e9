package query

// unitOf gives the unit of a UN/CEFACT code. Source: UN/CEFACT Recommendation 20, annex I; where its
// conversion factors are rounded, or misprinted, the exact definition of the unit stands here instead.
// The unit of a dimension with factor 1 is its base: base = value × num/den + offset.
func unitOf(code string) (Unit, bool) {
	switch code {
	// absorbedDose
	case "A95":
		return Unit{Code: code, Dimension: "absorbedDose", num: "1", den: "1"}, true
	case "C13":
		return Unit{Code: code, Dimension: "absorbedDose", num: "1", den: "1000"}, true
	case "C80":
		return Unit{Code: code, Dimension: "absorbedDose", num: "1", den: "100"}, true
	case "A61":
		return Unit{Code: code, Dimension: "absorbedDose", num: "1", den: "10000"}, true
	// absorbedDoseRate
	case "P54":
		return Unit{Code: code, Dimension: "absorbedDoseRate", num: "1", den: "1000"}, true
	case "P55":
		return Unit{Code: code, Dimension: "absorbedDoseRate", num: "1", den: "1000000"}, true
	case "P56":
		return Unit{Code: code, Dimension: "absorbedDoseRate", num: "1", den: "1000000000"}, true
	case "P57":
		return Unit{Code: code, Dimension: "absorbedDoseRate", num: "1", den: "60"}, true
	case "P58":
		return Unit{Code: code, Dimension: "absorbedDoseRate", num: "1", den: "60000"}, true
	case "P59":
		return Unit{Code: code, Dimension: "absorbedDoseRate", num: "1", den: "60000000"}, true
	case "P60":
		return Unit{Code: code, Dimension: "absorbedDoseRate", num: "1", den: "60000000000"}, true
	case "P61":
		return Unit{Code: code, Dimension: "absorbedDoseRate", num: "1", den: "3600"}, true
	case "P62":
		return Unit{Code: code, Dimension: "absorbedDoseRate", num: "1", den: "3600000"}, true
	case "P63":
		return Unit{Code: code, Dimension: "absorbedDoseRate", num: "1", den: "3600000000"}, true
	case "P64":
		return Unit{Code: code, Dimension: "absorbedDoseRate", num: "1", den: "3600000000000"}, true
	// acceleration
	case "MSK":
		return Unit{Code: code, Dimension: "acceleration", num: "1", den: "1"}, true
	case "A73":
		return Unit{Code: code, Dimension: "acceleration", num: "381", den: "1250"}, true
	case "A76":
		return Unit{Code: code, Dimension: "acceleration", num: "1", den: "100"}, true
	case "C11":
		return Unit{Code: code, Dimension: "acceleration", num: "1", den: "100000"}, true
	case "IV":
		return Unit{Code: code, Dimension: "acceleration", num: "127", den: "5000"}, true
	case "K40":
		return Unit{Code: code, Dimension: "acceleration", num: "196133", den: "20000"}, true
	case "M38":
		return Unit{Code: code, Dimension: "acceleration", num: "1000", den: "1"}, true
	case "M39":
		return Unit{Code: code, Dimension: "acceleration", num: "1", den: "100"}, true
	case "M40":
		return Unit{Code: code, Dimension: "acceleration", num: "1143", den: "1250"}, true
	case "M41":
		return Unit{Code: code, Dimension: "acceleration", num: "1", den: "1000"}, true
	case "M42":
		return Unit{Code: code, Dimension: "acceleration", num: "201168", den: "125"}, true
	// amountOfSubstance
	case "C34":
		return Unit{Code: code, Dimension: "amountOfSubstance", num: "1", den: "1"}, true
	case "B45":
		return Unit{Code: code, Dimension: "amountOfSubstance", num: "1000", den: "1"}, true
	case "C18":
		return Unit{Code: code, Dimension: "amountOfSubstance", num: "1", den: "1000"}, true
	case "FH":
		return Unit{Code: code, Dimension: "amountOfSubstance", num: "1", den: "1000000"}, true
	// angle
	case "C81":
		return Unit{Code: code, Dimension: "angle", num: "1", den: "1"}, true
	case "C25":
		return Unit{Code: code, Dimension: "angle", num: "1", den: "1000"}, true
	case "B97":
		return Unit{Code: code, Dimension: "angle", num: "1", den: "1000000"}, true
	case "DD":
		return Unit{Code: code, Dimension: "angle", num: "39269908169872415480783042291", den: "2250000000000000000000000000000"}, true
	case "D61":
		return Unit{Code: code, Dimension: "angle", num: "39269908169872415480783042291", den: "135000000000000000000000000000000"}, true
	case "D62":
		return Unit{Code: code, Dimension: "angle", num: "39269908169872415480783042291", den: "8100000000000000000000000000000000"}, true
	case "A91":
		return Unit{Code: code, Dimension: "angle", num: "39269908169872415480783042291", den: "2500000000000000000000000000000"}, true
	case "M43":
		return Unit{Code: code, Dimension: "angle", num: "39269908169872415480783042291", den: "40000000000000000000000000000000"}, true
	case "M44":
		return Unit{Code: code, Dimension: "angle", num: "39269908169872415480783042291", den: "6250000000000000000000000000"}, true
	// angularAcceleration
	case "2B":
		return Unit{Code: code, Dimension: "angularAcceleration", num: "1", den: "1"}, true
	// angularMomentum
	case "B33":
		return Unit{Code: code, Dimension: "angularMomentum", num: "1", den: "1"}, true
	case "C53":
		return Unit{Code: code, Dimension: "angularMomentum", num: "1", den: "1"}, true
	// angularVelocity
	case "2A":
		return Unit{Code: code, Dimension: "angularVelocity", num: "1", den: "1"}, true
	case "M46":
		return Unit{Code: code, Dimension: "angularVelocity", num: "39269908169872415480783042291", den: "375000000000000000000000000000"}, true
	case "RPM":
		return Unit{Code: code, Dimension: "angularVelocity", num: "39269908169872415480783042291", den: "375000000000000000000000000000"}, true
	case "RPS":
		return Unit{Code: code, Dimension: "angularVelocity", num: "39269908169872415480783042291", den: "6250000000000000000000000000"}, true
	// area
	case "MTK":
		return Unit{Code: code, Dimension: "area", num: "1", den: "1"}, true
	case "ACR":
		return Unit{Code: code, Dimension: "area", num: "62726400000", den: "15499969"}, true
	case "ARE":
		return Unit{Code: code, Dimension: "area", num: "100", den: "1"}, true
	case "CMK":
		return Unit{Code: code, Dimension: "area", num: "1", den: "10000"}, true
	case "DAA":
		return Unit{Code: code, Dimension: "area", num: "1000", den: "1"}, true
	case "DMK":
		return Unit{Code: code, Dimension: "area", num: "1", den: "100"}, true
	case "FTK":
		return Unit{Code: code, Dimension: "area", num: "145161", den: "1562500"}, true
	case "H16":
		return Unit{Code: code, Dimension: "area", num: "100", den: "1"}, true
	case "H18":
		return Unit{Code: code, Dimension: "area", num: "10000", den: "1"}, true
	case "H30":
		return Unit{Code: code, Dimension: "area", num: "1", den: "1000000000000"}, true
	case "HAR":
		return Unit{Code: code, Dimension: "area", num: "10000", den: "1"}, true
	case "INK":
		return Unit{Code: code, Dimension: "area", num: "16129", den: "25000000"}, true
	case "KMK":
		return Unit{Code: code, Dimension: "area", num: "1000000", den: "1"}, true
	case "MMK":
		return Unit{Code: code, Dimension: "area", num: "1", den: "1000000"}, true
	case "YDK":
		return Unit{Code: code, Dimension: "area", num: "1306449", den: "1562500"}, true
	case "MIK":
		return Unit{Code: code, Dimension: "area", num: "40468564224", den: "15625"}, true
	// capacitance
	case "FAR":
		return Unit{Code: code, Dimension: "capacitance", num: "1", den: "1"}, true
	case "C10":
		return Unit{Code: code, Dimension: "capacitance", num: "1", den: "1000"}, true
	case "4O":
		return Unit{Code: code, Dimension: "capacitance", num: "1", den: "1000000"}, true
	case "C41":
		return Unit{Code: code, Dimension: "capacitance", num: "1", den: "1000000000"}, true
	case "4T":
		return Unit{Code: code, Dimension: "capacitance", num: "1", den: "1000000000000"}, true
	case "H48":
		return Unit{Code: code, Dimension: "capacitance", num: "1", den: "1000000000000000000"}, true
	case "N90":
		return Unit{Code: code, Dimension: "capacitance", num: "1000", den: "1"}, true
	// electricCharge
	case "COU":
		return Unit{Code: code, Dimension: "electricCharge", num: "1", den: "1"}, true
	case "A8":
		return Unit{Code: code, Dimension: "electricCharge", num: "1", den: "1"}, true
	case "AMH":
		return Unit{Code: code, Dimension: "electricCharge", num: "3600", den: "1"}, true
	case "B26":
		return Unit{Code: code, Dimension: "electricCharge", num: "1000", den: "1"}, true
	case "B86":
		return Unit{Code: code, Dimension: "electricCharge", num: "1", den: "1000000"}, true
	case "C40":
		return Unit{Code: code, Dimension: "electricCharge", num: "1", den: "1000000000"}, true
	case "C71":
		return Unit{Code: code, Dimension: "electricCharge", num: "1", den: "1000000000000"}, true
	case "D77":
		return Unit{Code: code, Dimension: "electricCharge", num: "1000000", den: "1"}, true
	case "D86":
		return Unit{Code: code, Dimension: "electricCharge", num: "1", den: "1000"}, true
	case "E09":
		return Unit{Code: code, Dimension: "electricCharge", num: "18", den: "5"}, true
	case "N95":
		return Unit{Code: code, Dimension: "electricCharge", num: "60", den: "1"}, true
	case "TAH":
		return Unit{Code: code, Dimension: "electricCharge", num: "3600000", den: "1"}, true
	// conductance
	case "SIE":
		return Unit{Code: code, Dimension: "conductance", num: "1", den: "1"}, true
	case "B53":
		return Unit{Code: code, Dimension: "conductance", num: "1000", den: "1"}, true
	case "B99":
		return Unit{Code: code, Dimension: "conductance", num: "1", den: "1000000"}, true
	case "C27":
		return Unit{Code: code, Dimension: "conductance", num: "1", den: "1000"}, true
	case "N92":
		return Unit{Code: code, Dimension: "conductance", num: "1", den: "1000000000000"}, true
	case "NQ":
		return Unit{Code: code, Dimension: "conductance", num: "1", den: "1"}, true
	case "NR":
		return Unit{Code: code, Dimension: "conductance", num: "1", den: "1000000"}, true
	// conductivity
	case "D10":
		return Unit{Code: code, Dimension: "conductivity", num: "1", den: "1"}, true
	case "H61":
		return Unit{Code: code, Dimension: "conductivity", num: "100", den: "1"}, true
	case "B77":
		return Unit{Code: code, Dimension: "conductivity", num: "1000000", den: "1"}, true
	case "B54":
		return Unit{Code: code, Dimension: "conductivity", num: "1000", den: "1"}, true
	case "G42":
		return Unit{Code: code, Dimension: "conductivity", num: "1", den: "10000"}, true
	case "G43":
		return Unit{Code: code, Dimension: "conductivity", num: "1", den: "1000000"}, true
	case "H91":
		return Unit{Code: code, Dimension: "conductivity", num: "1", den: "10"}, true
	// electricCurrent
	case "AMP":
		return Unit{Code: code, Dimension: "electricCurrent", num: "1", den: "1"}, true
	case "4K":
		return Unit{Code: code, Dimension: "electricCurrent", num: "1", den: "1000"}, true
	case "B84":
		return Unit{Code: code, Dimension: "electricCurrent", num: "1", den: "1000000"}, true
	case "C39":
		return Unit{Code: code, Dimension: "electricCurrent", num: "1", den: "1000000000"}, true
	case "C70":
		return Unit{Code: code, Dimension: "electricCurrent", num: "1", den: "1000000000000"}, true
	case "B22":
		return Unit{Code: code, Dimension: "electricCurrent", num: "1000", den: "1"}, true
	case "H38":
		return Unit{Code: code, Dimension: "electricCurrent", num: "1000000", den: "1"}, true
	case "N96":
		return Unit{Code: code, Dimension: "electricCurrent", num: "10", den: "1"}, true
	// electricCurrentDensity
	case "A41":
		return Unit{Code: code, Dimension: "electricCurrentDensity", num: "1", den: "1"}, true
	case "A4":
		return Unit{Code: code, Dimension: "electricCurrentDensity", num: "10000", den: "1"}, true
	case "A7":
		return Unit{Code: code, Dimension: "electricCurrentDensity", num: "1000000", den: "1"}, true
	case "B23":
		return Unit{Code: code, Dimension: "electricCurrentDensity", num: "1000", den: "1"}, true
	case "B66":
		return Unit{Code: code, Dimension: "electricCurrentDensity", num: "1000000", den: "1"}, true
	// electricFieldStrength
	case "D50":
		return Unit{Code: code, Dimension: "electricFieldStrength", num: "1", den: "1"}, true
	case "B79":
		return Unit{Code: code, Dimension: "electricFieldStrength", num: "1000000", den: "1"}, true
	case "D47":
		return Unit{Code: code, Dimension: "electricFieldStrength", num: "100", den: "1"}, true
	case "D51":
		return Unit{Code: code, Dimension: "electricFieldStrength", num: "1000", den: "1"}, true
	case "C30":
		return Unit{Code: code, Dimension: "electricFieldStrength", num: "1", den: "1000"}, true
	case "C3":
		return Unit{Code: code, Dimension: "electricFieldStrength", num: "1", den: "1000000"}, true
	case "H23":
		return Unit{Code: code, Dimension: "electricFieldStrength", num: "5000", den: "127"}, true
	// density
	case "KMQ":
		return Unit{Code: code, Dimension: "density", num: "1", den: "1"}, true
	case "23":
		return Unit{Code: code, Dimension: "density", num: "1000", den: "1"}, true
	case "A93":
		return Unit{Code: code, Dimension: "density", num: "1", den: "1000"}, true
	case "B34":
		return Unit{Code: code, Dimension: "density", num: "1000", den: "1"}, true
	case "B35":
		return Unit{Code: code, Dimension: "density", num: "1000", den: "1"}, true
	case "B72":
		return Unit{Code: code, Dimension: "density", num: "1000", den: "1"}, true
	case "D41":
		return Unit{Code: code, Dimension: "density", num: "1000", den: "1"}, true
	case "F23":
		return Unit{Code: code, Dimension: "density", num: "1", den: "1"}, true
	case "G31":
		return Unit{Code: code, Dimension: "density", num: "1000000", den: "1"}, true
	case "GJ":
		return Unit{Code: code, Dimension: "density", num: "1000", den: "1"}, true
	case "GL":
		return Unit{Code: code, Dimension: "density", num: "1", den: "1"}, true
	case "GP":
		return Unit{Code: code, Dimension: "density", num: "1", den: "1000000"}, true
	case "GQ":
		return Unit{Code: code, Dimension: "density", num: "1", den: "1000000000"}, true
	case "H29":
		return Unit{Code: code, Dimension: "density", num: "1", den: "1000000"}, true
	case "M1":
		return Unit{Code: code, Dimension: "density", num: "1", den: "1000"}, true
	case "87":
		return Unit{Code: code, Dimension: "density", num: "28349523125", den: "1769802912"}, true
	case "GE":
		return Unit{Code: code, Dimension: "density", num: "736351250", den: "6145149"}, true
	case "K71":
		return Unit{Code: code, Dimension: "density", num: "45359237", den: "454609"}, true
	case "K84":
		return Unit{Code: code, Dimension: "density", num: "28349523125", den: "47784678624"}, true
	case "LA":
		return Unit{Code: code, Dimension: "density", num: "56699046250", den: "2048383"}, true
	case "G32":
		return Unit{Code: code, Dimension: "density", num: "28349523125", den: "764554857984"}, true
	case "K41":
		return Unit{Code: code, Dimension: "density", num: "2945405", den: "172064172"}, true
	case "L37":
		return Unit{Code: code, Dimension: "density", num: "45359237", den: "7273744"}, true
	case "L38":
		return Unit{Code: code, Dimension: "density", num: "368175625", den: "49161192"}, true
	case "L39":
		return Unit{Code: code, Dimension: "density", num: "28349523125", den: "16387064"}, true
	case "L92":
		return Unit{Code: code, Dimension: "density", num: "1984466618750", den: "1493271207"}, true
	case "L93":
		return Unit{Code: code, Dimension: "density", num: "3543690390625", den: "2986542414"}, true
	// ratio
	case "C62":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1"}, true
	case "P1":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "100"}, true
	case "NX":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1000"}, true
	case "59":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1000000"}, true
	case "61":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1000000000"}, true
	case "60":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "100"}, true
	case "H60":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1"}, true
	case "H65":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1000000"}, true
	case "J33":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1000000000"}, true
	case "J36":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1000000"}, true
	case "J87":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1000000"}, true
	case "J91":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1000"}, true
	case "K62":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1"}, true
	case "L19":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1000"}, true
	case "L32":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1000000000000"}, true
	case "M29":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1"}, true
	case "NA":
		return Unit{Code: code, Dimension: "ratio", num: "1", den: "1000000"}, true
	// dynamicViscosity
	case "C65":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "1", den: "1"}, true
	case "C24":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "1", den: "1000"}, true
	case "89":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "1", den: "10"}, true
	case "C7":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "1", den: "1000"}, true
	case "J32":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "1", den: "10000000"}, true
	case "N36":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "1", den: "1"}, true
	case "N38":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "1", den: "60"}, true
	case "N39":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "1", den: "86400"}, true
	case "N40":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "1", den: "3600"}, true
	case "N41":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "1", den: "10"}, true
	case "K67":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "45359237", den: "109728000000"}, true
	case "K68":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "45359237", den: "30480000"}, true
	case "N43":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "45359237", den: "1828800000"}, true
	case "N44":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "45359237", den: "2633472000000"}, true
	case "K91":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "8896443230521", den: "185806080000"}, true
	case "K92":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "8896443230521", den: "1290320000"}, true
	case "L64":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "8896443230521", den: "185806080000"}, true
	case "N34":
		return Unit{Code: code, Dimension: "dynamicViscosity", num: "45359237", den: "30480000"}, true
	// doseEquivalent
	case "D13":
		return Unit{Code: code, Dimension: "doseEquivalent", num: "1", den: "1"}, true
	case "C28":
		return Unit{Code: code, Dimension: "doseEquivalent", num: "1", den: "1000"}, true
	case "D91":
		return Unit{Code: code, Dimension: "doseEquivalent", num: "1", den: "100"}, true
	case "L31":
		return Unit{Code: code, Dimension: "doseEquivalent", num: "1", den: "100000"}, true
	// doseEquivalentRate
	case "P65":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "1"}, true
	case "P66":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "1000"}, true
	case "P67":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "1000000"}, true
	case "P68":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "1000000000"}, true
	case "P69":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "100"}, true
	case "P70":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "3600"}, true
	case "P71":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "3600000"}, true
	case "P72":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "3600000000"}, true
	case "P73":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "3600000000000"}, true
	case "P74":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "60"}, true
	case "P75":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "60000"}, true
	case "P76":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "60000000"}, true
	case "P77":
		return Unit{Code: code, Dimension: "doseEquivalentRate", num: "1", den: "60000000000"}, true
	// energy
	case "JOU":
		return Unit{Code: code, Dimension: "energy", num: "1", den: "1"}, true
	case "3B":
		return Unit{Code: code, Dimension: "energy", num: "1000000", den: "1"}, true
	case "A13":
		return Unit{Code: code, Dimension: "energy", num: "1", den: "1000000000000000000"}, true
	case "A53":
		return Unit{Code: code, Dimension: "energy", num: "801088317", den: "5000000000000000000000000000"}, true
	case "B29":
		return Unit{Code: code, Dimension: "energy", num: "801088317", den: "5000000000000000000000000"}, true
	case "B71":
		return Unit{Code: code, Dimension: "energy", num: "801088317", den: "5000000000000000000000"}, true
	case "A85":
		return Unit{Code: code, Dimension: "energy", num: "801088317", den: "5000000000000000000"}, true
	case "A57":
		return Unit{Code: code, Dimension: "energy", num: "1", den: "10000000"}, true
	case "A68":
		return Unit{Code: code, Dimension: "energy", num: "1000000000000000000", den: "1"}, true
	case "A70":
		return Unit{Code: code, Dimension: "energy", num: "1", den: "1000000000000000"}, true
	case "BTU":
		return Unit{Code: code, Dimension: "energy", num: "52752792631", den: "50000000"}, true
	case "C15":
		return Unit{Code: code, Dimension: "energy", num: "1", den: "1000"}, true
	case "C68":
		return Unit{Code: code, Dimension: "energy", num: "1000000000000000", den: "1"}, true
	case "D30":
		return Unit{Code: code, Dimension: "energy", num: "1000000000000", den: "1"}, true
	case "D32":
		return Unit{Code: code, Dimension: "energy", num: "3600000000000000", den: "1"}, true
	case "E14":
		return Unit{Code: code, Dimension: "energy", num: "20934", den: "5"}, true
	case "GV":
		return Unit{Code: code, Dimension: "energy", num: "1000000000", den: "1"}, true
	case "GWH":
		return Unit{Code: code, Dimension: "energy", num: "3600000000000", den: "1"}, true
	case "J55":
		return Unit{Code: code, Dimension: "energy", num: "1", den: "1"}, true
	case "K51":
		return Unit{Code: code, Dimension: "energy", num: "209501", den: "50"}, true
	case "K53":
		return Unit{Code: code, Dimension: "energy", num: "4184", den: "1"}, true
	case "J75":
		return Unit{Code: code, Dimension: "energy", num: "209501", den: "50000"}, true
	case "KJO":
		return Unit{Code: code, Dimension: "energy", num: "1000", den: "1"}, true
	case "KWH":
		return Unit{Code: code, Dimension: "energy", num: "3600000", den: "1"}, true
	case "MWH":
		return Unit{Code: code, Dimension: "energy", num: "3600000000", den: "1"}, true
	case "WHR":
		return Unit{Code: code, Dimension: "energy", num: "3600", den: "1"}, true
	case "85":
		return Unit{Code: code, Dimension: "energy", num: "3389544870828501", den: "2500000000000000"}, true
	case "N46":
		return Unit{Code: code, Dimension: "energy", num: "6584392202157", den: "156250000000000"}, true
	case "N47":
		return Unit{Code: code, Dimension: "energy", num: "2194797400719", den: "625000000000000"}, true
	case "N71":
		return Unit{Code: code, Dimension: "energy", num: "105506000", den: "1"}, true
	case "N72":
		return Unit{Code: code, Dimension: "energy", num: "105480400", den: "1"}, true
	// energyDensity
	case "B8":
		return Unit{Code: code, Dimension: "energyDensity", num: "1", den: "1"}, true
	case "A60":
		return Unit{Code: code, Dimension: "energyDensity", num: "1", den: "10"}, true
	case "JM":
		return Unit{Code: code, Dimension: "energyDensity", num: "1000000", den: "1"}, true
	// exposure
	case "CKG":
		return Unit{Code: code, Dimension: "exposure", num: "1", den: "1"}, true
	case "C8":
		return Unit{Code: code, Dimension: "exposure", num: "1", den: "1000"}, true
	case "2C":
		return Unit{Code: code, Dimension: "exposure", num: "129", den: "500000"}, true
	case "2Y":
		return Unit{Code: code, Dimension: "exposure", num: "129", den: "500000000"}, true
	// luminousExposure
	case "B64":
		return Unit{Code: code, Dimension: "luminousExposure", num: "1", den: "1"}, true
	case "B63":
		return Unit{Code: code, Dimension: "luminousExposure", num: "3600", den: "1"}, true
	// volumeFlowRate
	case "MQS":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1", den: "1"}, true
	case "MQH":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1", den: "3600"}, true
	case "2J":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1", den: "1000000"}, true
	case "40":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1", den: "1000000"}, true
	case "41":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1", den: "60000000"}, true
	case "4X":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1", den: "3600"}, true
	case "L2":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1", den: "60000"}, true
	case "LD":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1", den: "86400000"}, true
	case "J90":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1", den: "86400000"}, true
	case "J92":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1", den: "60000"}, true
	case "J93":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1", den: "1000"}, true
	case "2K":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "6145149", den: "781250000000"}, true
	case "2L":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "18435447", den: "39062500000"}, true
	case "K22":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "2048383", den: "6250000000000"}, true
	case "G2":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "157725491", den: "2500000000000"}, true
	case "K30":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "473176473", den: "125000000000"}, true
	case "G3":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "454609", den: "6000000000"}, true
	case "K26":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "454609", den: "8640000000000"}, true
	case "K27":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "454609", den: "360000000000"}, true
	case "K28":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "454609", den: "100000000"}, true
	case "M12":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "55306341", den: "6250000000000"}, true
	case "M13":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "165919023", den: "781250000000"}, true
	case "M15":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "497757069", den: "39062500000"}, true
	case "M16":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1493271207", den: "1953125000"}, true
	case "5A":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "3312235311", den: "1250000000000"}, true
	case "J62":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "1104078437", den: "25000000000000"}, true
	case "J63":
		return Unit{Code: code, Dimension: "volumeFlowRate", num: "9936705933", den: "62500000000"}, true
	// force
	case "NEW":
		return Unit{Code: code, Dimension: "force", num: "1", den: "1"}, true
	case "B37":
		return Unit{Code: code, Dimension: "force", num: "196133", den: "20000"}, true
	case "B47":
		return Unit{Code: code, Dimension: "force", num: "1000", den: "1"}, true
	case "B51":
		return Unit{Code: code, Dimension: "force", num: "196133", den: "20000"}, true
	case "B73":
		return Unit{Code: code, Dimension: "force", num: "1000000", den: "1"}, true
	case "B92":
		return Unit{Code: code, Dimension: "force", num: "1", den: "1000000"}, true
	case "C20":
		return Unit{Code: code, Dimension: "force", num: "1", den: "1000"}, true
	case "C78":
		return Unit{Code: code, Dimension: "force", num: "8896443230521", den: "2000000000000"}, true
	case "DU":
		return Unit{Code: code, Dimension: "force", num: "1", den: "100000"}, true
	case "L40":
		return Unit{Code: code, Dimension: "force", num: "8896443230521", den: "32000000000000"}, true
	case "L94":
		return Unit{Code: code, Dimension: "force", num: "8896443230521", den: "1000000000"}, true
	case "M75":
		return Unit{Code: code, Dimension: "force", num: "8896443230521", den: "2000000000"}, true
	case "M76":
		return Unit{Code: code, Dimension: "force", num: "17281869297", den: "125000000000"}, true
	case "M77":
		return Unit{Code: code, Dimension: "force", num: "1", den: "1"}, true
	case "M78":
		return Unit{Code: code, Dimension: "force", num: "196133", den: "20000000"}, true
	// frequency
	case "HTZ":
		return Unit{Code: code, Dimension: "frequency", num: "1", den: "1"}, true
	case "C97":
		return Unit{Code: code, Dimension: "frequency", num: "1", den: "1"}, true
	case "C94":
		return Unit{Code: code, Dimension: "frequency", num: "1", den: "60"}, true
	case "KHZ":
		return Unit{Code: code, Dimension: "frequency", num: "1000", den: "1"}, true
	case "MHZ":
		return Unit{Code: code, Dimension: "frequency", num: "1000000", den: "1"}, true
	case "A86":
		return Unit{Code: code, Dimension: "frequency", num: "1000000000", den: "1"}, true
	case "D29":
		return Unit{Code: code, Dimension: "frequency", num: "1000000000000", den: "1"}, true
	// illuminance
	case "LUX":
		return Unit{Code: code, Dimension: "illuminance", num: "1", den: "1"}, true
	case "B60":
		return Unit{Code: code, Dimension: "illuminance", num: "1", den: "1"}, true
	case "KLX":
		return Unit{Code: code, Dimension: "illuminance", num: "1000", den: "1"}, true
	case "P25":
		return Unit{Code: code, Dimension: "illuminance", num: "1562500", den: "145161"}, true
	case "P26":
		return Unit{Code: code, Dimension: "illuminance", num: "10000", den: "1"}, true
	case "P27":
		return Unit{Code: code, Dimension: "illuminance", num: "1562500", den: "145161"}, true
	// linearMomentum
	case "B31":
		return Unit{Code: code, Dimension: "linearMomentum", num: "1", den: "1"}, true
	case "C57":
		return Unit{Code: code, Dimension: "linearMomentum", num: "1", den: "1"}, true
	case "M98":
		return Unit{Code: code, Dimension: "linearMomentum", num: "1", den: "100"}, true
	case "M99":
		return Unit{Code: code, Dimension: "linearMomentum", num: "1", den: "100000"}, true
	case "N10":
		return Unit{Code: code, Dimension: "linearMomentum", num: "17281869297", den: "125000000000"}, true
	case "N11":
		return Unit{Code: code, Dimension: "linearMomentum", num: "5760623099", den: "500000000000"}, true
	// inductance
	case "81":
		return Unit{Code: code, Dimension: "inductance", num: "1", den: "1"}, true
	case "B90":
		return Unit{Code: code, Dimension: "inductance", num: "1", den: "1000000"}, true
	case "C14":
		return Unit{Code: code, Dimension: "inductance", num: "1", den: "1000"}, true
	case "C43":
		return Unit{Code: code, Dimension: "inductance", num: "1", den: "1000000000"}, true
	case "C73":
		return Unit{Code: code, Dimension: "inductance", num: "1", den: "1000000000000"}, true
	case "P24":
		return Unit{Code: code, Dimension: "inductance", num: "1000", den: "1"}, true
	// irradiance
	case "D54":
		return Unit{Code: code, Dimension: "irradiance", num: "1", den: "1"}, true
	case "C32":
		return Unit{Code: code, Dimension: "irradiance", num: "1", den: "1000"}, true
	case "C76":
		return Unit{Code: code, Dimension: "irradiance", num: "1", den: "1000000000000"}, true
	case "D85":
		return Unit{Code: code, Dimension: "irradiance", num: "1", den: "1000000"}, true
	case "N48":
		return Unit{Code: code, Dimension: "irradiance", num: "10000", den: "1"}, true
	case "N49":
		return Unit{Code: code, Dimension: "irradiance", num: "25000000", den: "16129"}, true
	// kinematicViscosity
	case "S4":
		return Unit{Code: code, Dimension: "kinematicViscosity", num: "1", den: "1"}, true
	case "4C":
		return Unit{Code: code, Dimension: "kinematicViscosity", num: "1", den: "1000000"}, true
	case "91":
		return Unit{Code: code, Dimension: "kinematicViscosity", num: "1", den: "10000"}, true
	case "C17":
		return Unit{Code: code, Dimension: "kinematicViscosity", num: "1", den: "1000000"}, true
	case "M79":
		return Unit{Code: code, Dimension: "kinematicViscosity", num: "16129", den: "625000000"}, true
	case "M81":
		return Unit{Code: code, Dimension: "kinematicViscosity", num: "1", den: "10000"}, true
	case "S3":
		return Unit{Code: code, Dimension: "kinematicViscosity", num: "145161", den: "1562500"}, true
	// length
	case "MTR":
		return Unit{Code: code, Dimension: "length", num: "1", den: "1"}, true
	case "4H":
		return Unit{Code: code, Dimension: "length", num: "1", den: "1000000"}, true
	case "A11":
		return Unit{Code: code, Dimension: "length", num: "1", den: "10000000000"}, true
	case "A12":
		return Unit{Code: code, Dimension: "length", num: "149597870700", den: "1"}, true
	case "A45":
		return Unit{Code: code, Dimension: "length", num: "10", den: "1"}, true
	case "A71":
		return Unit{Code: code, Dimension: "length", num: "1", den: "1000000000000000"}, true
	case "AK":
		return Unit{Code: code, Dimension: "length", num: "1143", den: "625"}, true
	case "B57":
		return Unit{Code: code, Dimension: "length", num: "9460730472580800", den: "1"}, true
	case "C45":
		return Unit{Code: code, Dimension: "length", num: "1", den: "1000000000"}, true
	case "CMT":
		return Unit{Code: code, Dimension: "length", num: "1", den: "100"}, true
	case "DMT":
		return Unit{Code: code, Dimension: "length", num: "1", den: "10"}, true
	case "FOT":
		return Unit{Code: code, Dimension: "length", num: "381", den: "1250"}, true
	case "HMT":
		return Unit{Code: code, Dimension: "length", num: "100", den: "1"}, true
	case "INH":
		return Unit{Code: code, Dimension: "length", num: "127", den: "5000"}, true
	case "KMT":
		return Unit{Code: code, Dimension: "length", num: "1000", den: "1"}, true
	case "M49":
		return Unit{Code: code, Dimension: "length", num: "79200", den: "3937"}, true
	case "M50":
		return Unit{Code: code, Dimension: "length", num: "25146", den: "125"}, true
	case "M51":
		return Unit{Code: code, Dimension: "length", num: "1200", den: "3937"}, true
	case "MMT":
		return Unit{Code: code, Dimension: "length", num: "1", den: "1000"}, true
	case "NMI":
		return Unit{Code: code, Dimension: "length", num: "1852", den: "1"}, true
	case "SMI":
		return Unit{Code: code, Dimension: "length", num: "201168", den: "125"}, true
	case "X1":
		return Unit{Code: code, Dimension: "length", num: "12573", den: "625"}, true
	case "YRD":
		return Unit{Code: code, Dimension: "length", num: "1143", den: "1250"}, true
	// luminance
	case "A24":
		return Unit{Code: code, Dimension: "luminance", num: "1", den: "1"}, true
	case "P31":
		return Unit{Code: code, Dimension: "luminance", num: "10000", den: "1"}, true
	case "P28":
		return Unit{Code: code, Dimension: "luminance", num: "25000000", den: "16129"}, true
	// luminousFlux
	case "LUM":
		return Unit{Code: code, Dimension: "luminousFlux", num: "1", den: "1"}, true
	// luminousIntensity
	case "CDL":
		return Unit{Code: code, Dimension: "luminousIntensity", num: "1", den: "1"}, true
	case "P33":
		return Unit{Code: code, Dimension: "luminousIntensity", num: "1000", den: "1"}, true
	case "P34":
		return Unit{Code: code, Dimension: "luminousIntensity", num: "1", den: "1000"}, true
	// magneticFlux
	case "WEB":
		return Unit{Code: code, Dimension: "magneticFlux", num: "1", den: "1"}, true
	case "C33":
		return Unit{Code: code, Dimension: "magneticFlux", num: "1", den: "1000"}, true
	case "P11":
		return Unit{Code: code, Dimension: "magneticFlux", num: "1000", den: "1"}, true
	// magneticFluxDensity
	case "D33":
		return Unit{Code: code, Dimension: "magneticFluxDensity", num: "1", den: "1"}, true
	case "C29":
		return Unit{Code: code, Dimension: "magneticFluxDensity", num: "1", den: "1000"}, true
	case "C48":
		return Unit{Code: code, Dimension: "magneticFluxDensity", num: "1", den: "1000000000"}, true
	case "D81":
		return Unit{Code: code, Dimension: "magneticFluxDensity", num: "1", den: "1000000"}, true
	case "P12":
		return Unit{Code: code, Dimension: "magneticFluxDensity", num: "1", den: "1000000000"}, true
	case "P13":
		return Unit{Code: code, Dimension: "magneticFluxDensity", num: "1000", den: "1"}, true
	// magneticVectorPotential
	case "D59":
		return Unit{Code: code, Dimension: "magneticVectorPotential", num: "1", den: "1"}, true
	case "B56":
		return Unit{Code: code, Dimension: "magneticVectorPotential", num: "1000", den: "1"}, true
	case "D60":
		return Unit{Code: code, Dimension: "magneticVectorPotential", num: "1000", den: "1"}, true
	// mass
	case "KGM":
		return Unit{Code: code, Dimension: "mass", num: "1", den: "1"}, true
	case "2U":
		return Unit{Code: code, Dimension: "mass", num: "1000", den: "1"}, true
	case "APZ":
		return Unit{Code: code, Dimension: "mass", num: "19439673", den: "625000000"}, true
	case "CGM":
		return Unit{Code: code, Dimension: "mass", num: "1", den: "100000"}, true
	case "CWA":
		return Unit{Code: code, Dimension: "mass", num: "45359237", den: "1000000"}, true
	case "CWI":
		return Unit{Code: code, Dimension: "mass", num: "317514659", den: "6250000"}, true
	case "DG":
		return Unit{Code: code, Dimension: "mass", num: "1", den: "10000"}, true
	case "DJ":
		return Unit{Code: code, Dimension: "mass", num: "1", den: "100"}, true
	case "DTN":
		return Unit{Code: code, Dimension: "mass", num: "100", den: "1"}, true
	case "GRM":
		return Unit{Code: code, Dimension: "mass", num: "1", den: "1000"}, true
	case "GRN":
		return Unit{Code: code, Dimension: "mass", num: "6479891", den: "100000000000"}, true
	case "HGM":
		return Unit{Code: code, Dimension: "mass", num: "1", den: "10"}, true
	case "KTN":
		return Unit{Code: code, Dimension: "mass", num: "1000000", den: "1"}, true
	case "LBR":
		return Unit{Code: code, Dimension: "mass", num: "45359237", den: "100000000"}, true
	case "LTN":
		return Unit{Code: code, Dimension: "mass", num: "317514659", den: "312500"}, true
	case "M86":
		return Unit{Code: code, Dimension: "mass", num: "1", den: "2"}, true
	case "MC":
		return Unit{Code: code, Dimension: "mass", num: "1", den: "1000000000"}, true
	case "MGM":
		return Unit{Code: code, Dimension: "mass", num: "1", den: "1000000"}, true
	case "ONZ":
		return Unit{Code: code, Dimension: "mass", num: "45359237", den: "1600000000"}, true
	case "STI":
		return Unit{Code: code, Dimension: "mass", num: "317514659", den: "50000000"}, true
	case "STN":
		return Unit{Code: code, Dimension: "mass", num: "45359237", den: "50000"}, true
	case "TNE":
		return Unit{Code: code, Dimension: "mass", num: "1000", den: "1"}, true
	// massFlowRate
	case "KGS":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "1"}, true
	case "F31":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "60"}, true
	case "E93":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "3600"}, true
	case "F30":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "86400"}, true
	case "F29":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "1000"}, true
	case "F28":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "60000"}, true
	case "F27":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "3600000"}, true
	case "F26":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "86400000"}, true
	case "F34":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "1000000"}, true
	case "F33":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "60000000"}, true
	case "4M":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "3600000000"}, true
	case "F32":
		return Unit{Code: code, Dimension: "massFlowRate", num: "1", den: "86400000000"}, true
	case "4U":
		return Unit{Code: code, Dimension: "massFlowRate", num: "45359237", den: "360000000000"}, true
	case "E18":
		return Unit{Code: code, Dimension: "massFlowRate", num: "5", den: "18"}, true
	// massPerAreaTime
	case "H56":
		return Unit{Code: code, Dimension: "massPerAreaTime", num: "1", den: "1"}, true
	// memoryCapacity
	case "A99":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "1", den: "1"}, true
	case "AD":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "8", den: "1"}, true
	case "2P":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "8000", den: "1"}, true
	case "4L":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "8000000", den: "1"}, true
	case "E34":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "8000000000", den: "1"}, true
	case "E35":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "8000000000000", den: "1"}, true
	case "E36":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "8000000000000000", den: "1"}, true
	case "E64":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "8192", den: "1"}, true
	case "E63":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "8388608", den: "1"}, true
	case "E62":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "8589934592", den: "1"}, true
	case "E61":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "8796093022208", den: "1"}, true
	case "E60":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "9007199254740992", den: "1"}, true
	case "C37":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "1000", den: "1"}, true
	case "D36":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "1000000", den: "1"}, true
	case "B68":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "1000000000", den: "1"}, true
	case "E83":
		return Unit{Code: code, Dimension: "memoryCapacity", num: "1000000000000", den: "1"}, true
	// molality
	case "C19":
		return Unit{Code: code, Dimension: "molality", num: "1", den: "1"}, true
	case "D87":
		return Unit{Code: code, Dimension: "molality", num: "1", den: "1000"}, true
	case "P47":
		return Unit{Code: code, Dimension: "molality", num: "1000", den: "1"}, true
	// molarConcentration
	case "C36":
		return Unit{Code: code, Dimension: "molarConcentration", num: "1", den: "1"}, true
	case "B46":
		return Unit{Code: code, Dimension: "molarConcentration", num: "1000", den: "1"}, true
	case "C35":
		return Unit{Code: code, Dimension: "molarConcentration", num: "1000", den: "1"}, true
	case "C38":
		return Unit{Code: code, Dimension: "molarConcentration", num: "1000", den: "1"}, true
	case "M33":
		return Unit{Code: code, Dimension: "molarConcentration", num: "1", den: "1"}, true
	// molarEnergy
	case "B15":
		return Unit{Code: code, Dimension: "molarEnergy", num: "1", den: "1"}, true
	case "B44":
		return Unit{Code: code, Dimension: "molarEnergy", num: "1000", den: "1"}, true
	// molarMass
	case "D74":
		return Unit{Code: code, Dimension: "molarMass", num: "1", den: "1"}, true
	case "A94":
		return Unit{Code: code, Dimension: "molarMass", num: "1", den: "1000"}, true
	// molarVolume
	case "A40":
		return Unit{Code: code, Dimension: "molarVolume", num: "1", den: "1"}, true
	case "A36":
		return Unit{Code: code, Dimension: "molarVolume", num: "1", den: "1000000"}, true
	case "A37":
		return Unit{Code: code, Dimension: "molarVolume", num: "1", den: "1000"}, true
	case "B58":
		return Unit{Code: code, Dimension: "molarVolume", num: "1", den: "1000"}, true
	// power
	case "WTT":
		return Unit{Code: code, Dimension: "power", num: "1", den: "1"}, true
	case "2I":
		return Unit{Code: code, Dimension: "power", num: "52752792631", den: "180000000000"}, true
	case "J44":
		return Unit{Code: code, Dimension: "power", num: "52752792631", den: "3000000000"}, true
	case "J45":
		return Unit{Code: code, Dimension: "power", num: "52752792631", den: "50000000"}, true
	case "A25":
		return Unit{Code: code, Dimension: "power", num: "588399", den: "800"}, true
	case "HJ":
		return Unit{Code: code, Dimension: "power", num: "588399", den: "800"}, true
	case "N12":
		return Unit{Code: code, Dimension: "power", num: "588399", den: "800"}, true
	case "A63":
		return Unit{Code: code, Dimension: "power", num: "1", den: "10000000"}, true
	case "A74":
		return Unit{Code: code, Dimension: "power", num: "3389544870828501", den: "2500000000000000"}, true
	case "K15":
		return Unit{Code: code, Dimension: "power", num: "1129848290276167", den: "3000000000000000000"}, true
	case "K16":
		return Unit{Code: code, Dimension: "power", num: "1129848290276167", den: "50000000000000000"}, true
	case "A90":
		return Unit{Code: code, Dimension: "power", num: "1000000000", den: "1"}, true
	case "B39":
		return Unit{Code: code, Dimension: "power", num: "196133", den: "20000"}, true
	case "BHP":
		return Unit{Code: code, Dimension: "power", num: "37284993579113511", den: "50000000000000"}, true
	case "C31":
		return Unit{Code: code, Dimension: "power", num: "1", den: "1000"}, true
	case "C49":
		return Unit{Code: code, Dimension: "power", num: "1", den: "1000000000"}, true
	case "C75":
		return Unit{Code: code, Dimension: "power", num: "1", den: "1000000000000"}, true
	case "D31":
		return Unit{Code: code, Dimension: "power", num: "1000000000000", den: "1"}, true
	case "D46":
		return Unit{Code: code, Dimension: "power", num: "1", den: "1"}, true
	case "D80":
		return Unit{Code: code, Dimension: "power", num: "1", den: "1000000"}, true
	case "J81":
		return Unit{Code: code, Dimension: "power", num: "523", den: "7500"}, true
	case "J82":
		return Unit{Code: code, Dimension: "power", num: "523", den: "125"}, true
	case "K43":
		return Unit{Code: code, Dimension: "power", num: "746", den: "1"}, true
	case "E15":
		return Unit{Code: code, Dimension: "power", num: "523", den: "450"}, true
	case "K54":
		return Unit{Code: code, Dimension: "power", num: "1046", den: "15"}, true
	case "K55":
		return Unit{Code: code, Dimension: "power", num: "4184", den: "1"}, true
	case "KWT":
		return Unit{Code: code, Dimension: "power", num: "1000", den: "1"}, true
	case "MAW":
		return Unit{Code: code, Dimension: "power", num: "1000000", den: "1"}, true
	case "P14":
		return Unit{Code: code, Dimension: "power", num: "1", den: "1"}, true
	case "P15":
		return Unit{Code: code, Dimension: "power", num: "1", den: "60"}, true
	case "P16":
		return Unit{Code: code, Dimension: "power", num: "1", den: "3600"}, true
	case "P17":
		return Unit{Code: code, Dimension: "power", num: "1", den: "86400"}, true
	case "P18":
		return Unit{Code: code, Dimension: "power", num: "1000", den: "1"}, true
	case "P19":
		return Unit{Code: code, Dimension: "power", num: "50", den: "3"}, true
	case "P20":
		return Unit{Code: code, Dimension: "power", num: "5", den: "18"}, true
	case "P21":
		return Unit{Code: code, Dimension: "power", num: "5", den: "432"}, true
	// pressure
	case "PAL":
		return Unit{Code: code, Dimension: "pressure", num: "1", den: "1"}, true
	case "74":
		return Unit{Code: code, Dimension: "pressure", num: "1", den: "1000"}, true
	case "84":
		return Unit{Code: code, Dimension: "pressure", num: "8896443230521", den: "1290320"}, true
	case "A89":
		return Unit{Code: code, Dimension: "pressure", num: "1000000000", den: "1"}, true
	case "A97":
		return Unit{Code: code, Dimension: "pressure", num: "100", den: "1"}, true
	case "ATM":
		return Unit{Code: code, Dimension: "pressure", num: "101325", den: "1"}, true
	case "ATT":
		return Unit{Code: code, Dimension: "pressure", num: "196133", den: "2"}, true
	case "B40":
		return Unit{Code: code, Dimension: "pressure", num: "196133", den: "20000"}, true
	case "B96":
		return Unit{Code: code, Dimension: "pressure", num: "1", den: "1000000"}, true
	case "BAR":
		return Unit{Code: code, Dimension: "pressure", num: "100000", den: "1"}, true
	case "C55":
		return Unit{Code: code, Dimension: "pressure", num: "1", den: "1"}, true
	case "C56":
		return Unit{Code: code, Dimension: "pressure", num: "1000000", den: "1"}, true
	case "E41":
		return Unit{Code: code, Dimension: "pressure", num: "9806650", den: "1"}, true
	case "E42":
		return Unit{Code: code, Dimension: "pressure", num: "196133", den: "2"}, true
	case "F78":
		return Unit{Code: code, Dimension: "pressure", num: "24908891", den: "100000"}, true
	case "F79":
		return Unit{Code: code, Dimension: "pressure", num: "3386389", den: "1000"}, true
	case "H75":
		return Unit{Code: code, Dimension: "pressure", num: "10", den: "1"}, true
	case "H78":
		return Unit{Code: code, Dimension: "pressure", num: "196133", den: "2000"}, true
	case "HN":
		return Unit{Code: code, Dimension: "pressure", num: "26664477483", den: "200000000"}, true
	case "HP":
		return Unit{Code: code, Dimension: "pressure", num: "196133", den: "20000"}, true
	case "J89":
		return Unit{Code: code, Dimension: "pressure", num: "26664477483", den: "20000000"}, true
	case "K31":
		return Unit{Code: code, Dimension: "pressure", num: "196133", den: "2000"}, true
	case "K85":
		return Unit{Code: code, Dimension: "pressure", num: "8896443230521", den: "185806080000"}, true
	case "KPA":
		return Unit{Code: code, Dimension: "pressure", num: "1000", den: "1"}, true
	case "MBR":
		return Unit{Code: code, Dimension: "pressure", num: "100", den: "1"}, true
	case "MPA":
		return Unit{Code: code, Dimension: "pressure", num: "1000000", den: "1"}, true
	case "N20":
		return Unit{Code: code, Dimension: "pressure", num: "8896443230521", den: "1290320"}, true
	case "N21":
		return Unit{Code: code, Dimension: "pressure", num: "45359237", den: "30480000"}, true
	case "N23":
		return Unit{Code: code, Dimension: "pressure", num: "196133", den: "20"}, true
	case "PS":
		return Unit{Code: code, Dimension: "pressure", num: "8896443230521", den: "1290320000"}, true
	case "UA":
		return Unit{Code: code, Dimension: "pressure", num: "20265", den: "152"}, true
	// radioactivity
	case "BQL":
		return Unit{Code: code, Dimension: "radioactivity", num: "1", den: "1"}, true
	case "2Q":
		return Unit{Code: code, Dimension: "radioactivity", num: "1000", den: "1"}, true
	case "2R":
		return Unit{Code: code, Dimension: "radioactivity", num: "37000000000000", den: "1"}, true
	case "4N":
		return Unit{Code: code, Dimension: "radioactivity", num: "1000000", den: "1"}, true
	case "CUR":
		return Unit{Code: code, Dimension: "radioactivity", num: "37000000000", den: "1"}, true
	case "GBQ":
		return Unit{Code: code, Dimension: "radioactivity", num: "1000000000", den: "1"}, true
	case "H08":
		return Unit{Code: code, Dimension: "radioactivity", num: "1", den: "1000000"}, true
	case "M5":
		return Unit{Code: code, Dimension: "radioactivity", num: "37000", den: "1"}, true
	case "MCU":
		return Unit{Code: code, Dimension: "radioactivity", num: "37000000", den: "1"}, true
	// radiantIntensity
	case "D57":
		return Unit{Code: code, Dimension: "radiantIntensity", num: "1", den: "1"}, true
	// resistance
	case "OHM":
		return Unit{Code: code, Dimension: "resistance", num: "1", den: "1"}, true
	case "A87":
		return Unit{Code: code, Dimension: "resistance", num: "1000000000", den: "1"}, true
	case "B49":
		return Unit{Code: code, Dimension: "resistance", num: "1000", den: "1"}, true
	case "B75":
		return Unit{Code: code, Dimension: "resistance", num: "1000000", den: "1"}, true
	case "B94":
		return Unit{Code: code, Dimension: "resistance", num: "1", den: "1000000"}, true
	case "E45":
		return Unit{Code: code, Dimension: "resistance", num: "1", den: "1000"}, true
	case "H44":
		return Unit{Code: code, Dimension: "resistance", num: "1000000000000", den: "1"}, true
	case "P22":
		return Unit{Code: code, Dimension: "resistance", num: "1", den: "1000000000"}, true
	// resistivity
	case "C61":
		return Unit{Code: code, Dimension: "resistivity", num: "1", den: "1"}, true
	case "B76":
		return Unit{Code: code, Dimension: "resistivity", num: "1000000", den: "1"}, true
	case "A88":
		return Unit{Code: code, Dimension: "resistivity", num: "1000000000", den: "1"}, true
	case "B50":
		return Unit{Code: code, Dimension: "resistivity", num: "1000", den: "1"}, true
	case "C60":
		return Unit{Code: code, Dimension: "resistivity", num: "1", den: "100"}, true
	case "C23":
		return Unit{Code: code, Dimension: "resistivity", num: "1", den: "1000"}, true
	case "B95":
		return Unit{Code: code, Dimension: "resistivity", num: "1", den: "1000000"}, true
	case "C46":
		return Unit{Code: code, Dimension: "resistivity", num: "1", den: "1000000000"}, true
	// solidAngle
	case "D27":
		return Unit{Code: code, Dimension: "solidAngle", num: "1", den: "1"}, true
	// specificVolume
	case "A39":
		return Unit{Code: code, Dimension: "specificVolume", num: "1", den: "1"}, true
	case "22":
		return Unit{Code: code, Dimension: "specificVolume", num: "1", den: "10"}, true
	case "H83":
		return Unit{Code: code, Dimension: "specificVolume", num: "1", den: "1000"}, true
	case "KX":
		return Unit{Code: code, Dimension: "specificVolume", num: "1", den: "1000000"}, true
	case "N28":
		return Unit{Code: code, Dimension: "specificVolume", num: "1", den: "1000"}, true
	case "N29":
		return Unit{Code: code, Dimension: "specificVolume", num: "1769802912", den: "28349523125"}, true
	case "N30":
		return Unit{Code: code, Dimension: "specificVolume", num: "2048383", den: "56699046250"}, true
	// speed
	case "MTS":
		return Unit{Code: code, Dimension: "speed", num: "1", den: "1"}, true
	case "2M":
		return Unit{Code: code, Dimension: "speed", num: "1", den: "100"}, true
	case "2X":
		return Unit{Code: code, Dimension: "speed", num: "1", den: "60"}, true
	case "C16":
		return Unit{Code: code, Dimension: "speed", num: "1", den: "1000"}, true
	case "FR":
		return Unit{Code: code, Dimension: "speed", num: "127", den: "25000"}, true
	case "FS":
		return Unit{Code: code, Dimension: "speed", num: "381", den: "1250"}, true
	case "H49":
		return Unit{Code: code, Dimension: "speed", num: "1", den: "360000"}, true
	case "H67":
		return Unit{Code: code, Dimension: "speed", num: "1", den: "3600000"}, true
	case "H81":
		return Unit{Code: code, Dimension: "speed", num: "1", den: "60000"}, true
	case "HM":
		return Unit{Code: code, Dimension: "speed", num: "1397", den: "3125"}, true
	case "IU":
		return Unit{Code: code, Dimension: "speed", num: "127", den: "5000"}, true
	case "K14":
		return Unit{Code: code, Dimension: "speed", num: "127", den: "1500000"}, true
	case "KMH":
		return Unit{Code: code, Dimension: "speed", num: "5", den: "18"}, true
	case "KNT":
		return Unit{Code: code, Dimension: "speed", num: "463", den: "900"}, true
	case "M57":
		return Unit{Code: code, Dimension: "speed", num: "16764", den: "625"}, true
	case "M58":
		return Unit{Code: code, Dimension: "speed", num: "201168", den: "125"}, true
	case "M60":
		return Unit{Code: code, Dimension: "speed", num: "1", den: "3600"}, true
	case "M62":
		return Unit{Code: code, Dimension: "speed", num: "1000", den: "1"}, true
	case "M63":
		return Unit{Code: code, Dimension: "speed", num: "127", den: "300000"}, true
	case "M64":
		return Unit{Code: code, Dimension: "speed", num: "1143", den: "1250"}, true
	case "M65":
		return Unit{Code: code, Dimension: "speed", num: "381", den: "25000"}, true
	case "M66":
		return Unit{Code: code, Dimension: "speed", num: "127", den: "500000"}, true
	// surfaceDensity
	case "28":
		return Unit{Code: code, Dimension: "surfaceDensity", num: "1", den: "1"}, true
	case "GM":
		return Unit{Code: code, Dimension: "surfaceDensity", num: "1", den: "1000"}, true
	case "25":
		return Unit{Code: code, Dimension: "surfaceDensity", num: "10", den: "1"}, true
	case "D5":
		return Unit{Code: code, Dimension: "surfaceDensity", num: "10000", den: "1"}, true
	case "GO":
		return Unit{Code: code, Dimension: "surfaceDensity", num: "1", den: "1000000"}, true
	case "H63":
		return Unit{Code: code, Dimension: "surfaceDensity", num: "1", den: "100"}, true
	case "37":
		return Unit{Code: code, Dimension: "surfaceDensity", num: "45359237", den: "148644864"}, true
	case "ON":
		return Unit{Code: code, Dimension: "surfaceDensity", num: "45359237", den: "1337803776"}, true
	// surfaceTension
	case "4P":
		return Unit{Code: code, Dimension: "surfaceTension", num: "1", den: "1"}, true
	case "C22":
		return Unit{Code: code, Dimension: "surfaceTension", num: "1", den: "1000"}, true
	case "DX":
		return Unit{Code: code, Dimension: "surfaceTension", num: "1", den: "1000"}, true
	// temperature
	case "KEL":
		return Unit{Code: code, Dimension: "temperature", num: "1", den: "1"}, true
	case "CEL":
		return Unit{Code: code, Dimension: "temperature", num: "1", den: "1", offset: "5463/20"}, true
	case "FAH":
		return Unit{Code: code, Dimension: "temperature", num: "5", den: "9", offset: "45967/180"}, true
	case "A48":
		return Unit{Code: code, Dimension: "temperature", num: "5", den: "9"}, true
	// time
	case "SEC":
		return Unit{Code: code, Dimension: "time", num: "1", den: "1"}, true
	case "ANN":
		return Unit{Code: code, Dimension: "time", num: "31557600", den: "1"}, true
	case "B52":
		return Unit{Code: code, Dimension: "time", num: "1000", den: "1"}, true
	case "B98":
		return Unit{Code: code, Dimension: "time", num: "1", den: "1000000"}, true
	case "C26":
		return Unit{Code: code, Dimension: "time", num: "1", den: "1000"}, true
	case "C47":
		return Unit{Code: code, Dimension: "time", num: "1", den: "1000000000"}, true
	case "DAY":
		return Unit{Code: code, Dimension: "time", num: "86400", den: "1"}, true
	case "H70":
		return Unit{Code: code, Dimension: "time", num: "1", den: "1000000000000"}, true
	case "HUR":
		return Unit{Code: code, Dimension: "time", num: "3600", den: "1"}, true
	case "L95":
		return Unit{Code: code, Dimension: "time", num: "31536000", den: "1"}, true
	case "M56":
		return Unit{Code: code, Dimension: "time", num: "1", den: "100000000"}, true
	case "MIN":
		return Unit{Code: code, Dimension: "time", num: "60", den: "1"}, true
	case "MON":
		return Unit{Code: code, Dimension: "time", num: "2629800", den: "1"}, true
	case "WEE":
		return Unit{Code: code, Dimension: "time", num: "604800", den: "1"}, true
	// torque
	case "NU":
		return Unit{Code: code, Dimension: "torque", num: "1", den: "1"}, true
	case "B38":
		return Unit{Code: code, Dimension: "torque", num: "196133", den: "20000"}, true
	case "B48":
		return Unit{Code: code, Dimension: "torque", num: "1000", den: "1"}, true
	case "B74":
		return Unit{Code: code, Dimension: "torque", num: "1000000", den: "1"}, true
	case "B93":
		return Unit{Code: code, Dimension: "torque", num: "1", den: "1000000"}, true
	case "D83":
		return Unit{Code: code, Dimension: "torque", num: "1", den: "1000"}, true
	case "DN":
		return Unit{Code: code, Dimension: "torque", num: "1", den: "10"}, true
	case "F21":
		return Unit{Code: code, Dimension: "torque", num: "1129848290276167", den: "10000000000000000"}, true
	case "F88":
		return Unit{Code: code, Dimension: "torque", num: "1", den: "100"}, true
	case "J72":
		return Unit{Code: code, Dimension: "torque", num: "1", den: "100"}, true
	case "J94":
		return Unit{Code: code, Dimension: "torque", num: "1", den: "10000000"}, true
	case "L41":
		return Unit{Code: code, Dimension: "torque", num: "1129848290276167", den: "160000000000000000"}, true
	case "M92":
		return Unit{Code: code, Dimension: "torque", num: "3389544870828501", den: "2500000000000000"}, true
	case "M95":
		return Unit{Code: code, Dimension: "torque", num: "6584392202157", den: "156250000000000"}, true
	case "M96":
		return Unit{Code: code, Dimension: "torque", num: "2194797400719", den: "625000000000000"}, true
	case "M97":
		return Unit{Code: code, Dimension: "torque", num: "1", den: "100000"}, true
	// voltage
	case "VLT":
		return Unit{Code: code, Dimension: "voltage", num: "1", den: "1"}, true
	case "2Z":
		return Unit{Code: code, Dimension: "voltage", num: "1", den: "1000"}, true
	case "B78":
		return Unit{Code: code, Dimension: "voltage", num: "1000000", den: "1"}, true
	case "D82":
		return Unit{Code: code, Dimension: "voltage", num: "1", den: "1000000"}, true
	case "KVT":
		return Unit{Code: code, Dimension: "voltage", num: "1000", den: "1"}, true
	case "N99":
		return Unit{Code: code, Dimension: "voltage", num: "1", den: "1000000000000"}, true
	// volume
	case "MTQ":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "1"}, true
	case "4G":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "1000000000"}, true
	case "A44":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "100"}, true
	case "BLD":
		return Unit{Code: code, Dimension: "volume", num: "903336903", den: "7812500000"}, true
	case "BLL":
		return Unit{Code: code, Dimension: "volume", num: "9936705933", den: "62500000000"}, true
	case "BUA":
		return Unit{Code: code, Dimension: "volume", num: "220244188543", den: "6250000000000"}, true
	case "BUI":
		return Unit{Code: code, Dimension: "volume", num: "454609", den: "12500000"}, true
	case "CLT":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "100000"}, true
	case "CMQ":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "1000000"}, true
	case "DLT":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "10000"}, true
	case "DMA":
		return Unit{Code: code, Dimension: "volume", num: "1000", den: "1"}, true
	case "DMQ":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "1000"}, true
	case "FTQ":
		return Unit{Code: code, Dimension: "volume", num: "55306341", den: "1953125000"}, true
	case "G21":
		return Unit{Code: code, Dimension: "volume", num: "473176473", den: "2000000000000"}, true
	case "G24":
		return Unit{Code: code, Dimension: "volume", num: "473176473", den: "32000000000000"}, true
	case "G25":
		return Unit{Code: code, Dimension: "volume", num: "157725491", den: "32000000000000"}, true
	case "G26":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "1"}, true
	case "GLD":
		return Unit{Code: code, Dimension: "volume", num: "220244188543", den: "50000000000000"}, true
	case "GLI":
		return Unit{Code: code, Dimension: "volume", num: "454609", den: "100000000"}, true
	case "GLL":
		return Unit{Code: code, Dimension: "volume", num: "473176473", den: "125000000000"}, true
	case "H19":
		return Unit{Code: code, Dimension: "volume", num: "1000000", den: "1"}, true
	case "H20":
		return Unit{Code: code, Dimension: "volume", num: "1000000000", den: "1"}, true
	case "HLT":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "10"}, true
	case "INQ":
		return Unit{Code: code, Dimension: "volume", num: "2048383", den: "125000000000"}, true
	case "K6":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "1"}, true
	case "L43":
		return Unit{Code: code, Dimension: "volume", num: "454609", den: "50000000"}, true
	case "G23":
		return Unit{Code: code, Dimension: "volume", num: "220244188543", den: "25000000000000"}, true
	case "L61":
		return Unit{Code: code, Dimension: "volume", num: "220244188543", den: "400000000000000"}, true
	case "L62":
		return Unit{Code: code, Dimension: "volume", num: "220244188543", den: "200000000000000"}, true
	case "LTR":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "1000"}, true
	case "M68":
		return Unit{Code: code, Dimension: "volume", num: "884901456", den: "244140625"}, true
	case "M70":
		return Unit{Code: code, Dimension: "volume", num: "55306341", den: "19531250"}, true
	case "MAL":
		return Unit{Code: code, Dimension: "volume", num: "1000", den: "1"}, true
	case "MLT":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "1000000"}, true
	case "MMQ":
		return Unit{Code: code, Dimension: "volume", num: "1", den: "1000000000"}, true
	case "OZA":
		return Unit{Code: code, Dimension: "volume", num: "473176473", den: "16000000000000"}, true
	case "OZI":
		return Unit{Code: code, Dimension: "volume", num: "454609", den: "16000000000"}, true
	case "PT":
		return Unit{Code: code, Dimension: "volume", num: "473176473", den: "1000000000000"}, true
	case "PTD":
		return Unit{Code: code, Dimension: "volume", num: "220244188543", den: "400000000000000"}, true
	case "PTI":
		return Unit{Code: code, Dimension: "volume", num: "454609", den: "800000000"}, true
	case "PTL":
		return Unit{Code: code, Dimension: "volume", num: "473176473", den: "1000000000000"}, true
	case "QT":
		return Unit{Code: code, Dimension: "volume", num: "473176473", den: "500000000000"}, true
	case "QTD":
		return Unit{Code: code, Dimension: "volume", num: "220244188543", den: "200000000000000"}, true
	case "QTI":
		return Unit{Code: code, Dimension: "volume", num: "454609", den: "400000000"}, true
	case "QTL":
		return Unit{Code: code, Dimension: "volume", num: "473176473", den: "500000000000"}, true
	case "YDQ":
		return Unit{Code: code, Dimension: "volume", num: "1493271207", den: "1953125000"}, true
	// wavenumber
	case "C92":
		return Unit{Code: code, Dimension: "wavenumber", num: "1", den: "1"}, true
	case "E90":
		return Unit{Code: code, Dimension: "wavenumber", num: "100", den: "1"}, true
	}
	return Unit{}, false
}
