import "../imports/mn-import.js";
import { frame } from "../shell/frame.js";

frame(document.createElement("mn-import"));
