/** Intake as a part of a process: what `mailfleet up` starts. */
export { intakeSettings } from "./config.ts";
export { type Intake, type IntakeDeps, type IntakeSettings, startIntake } from "./intake.ts";
