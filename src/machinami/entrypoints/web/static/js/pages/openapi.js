import "../openapi/mn-openapi.js";
import { frame } from "../shell/frame.js";

frame(document.createElement("mn-openapi"));
