import "../alarms/mn-alarms.js";
import { frame } from "../shell/frame.js";

frame(document.createElement("mn-alarms"));
