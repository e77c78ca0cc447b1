import "../map/mn-map.js";
import { frame } from "../shell/frame.js";

frame(document.createElement("mn-map"));
